// Asks an address once: exit 0 where it answers with a status of 200 to 299 within three seconds, else 1 with the reason on standard error. For health checks in images that have no curl.
const [address = "http://127.0.0.1:4600/healthz"] = process.argv.slice(2);
try {
  const { status, ok } = await fetch(address, { signal: AbortSignal.timeout(3_000) });
  if (!ok) throw new Error(`status ${status}`);
} catch (error) {
  process.stderr.write(`${address}: ${error.cause?.message ?? error.message}\n`);
  process.exitCode = 1;
}
