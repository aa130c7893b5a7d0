import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { ioError } from "../../platform/io-error.ts";
import type { Platform } from "../../platform/port.ts";

/** Bytes and sha256 of a file. */
export interface Digest {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What the child prints: one JSON document, with a digest of each path it was given. */
export type DigestAnswer = { readonly results: readonly Digest[] } | { readonly failure: DigestFailure };

/** A file operation that failed in the child. */
export interface DigestFailure {
  readonly path: string;
  /** Node's error code. */
  readonly code: string;
  readonly message: string;
}

const worker = fileURLToPath(new URL("./digest-worker.js", import.meta.url));
/** Arguments of one child. Linux takes 2 MiB with the environment, Windows 32 KiB. */
const argumentBytesMax = 24 * 1024;
const graceMs = 1000;

/**
 * Bytes and sha256 of files, read in a child process: opening and closing a database file in this one would drop this process's locks on
 * it (FACTS 1.3). Throws `FILE_MISSING`, `PERMISSION_DENIED`, `IO_FAILED`, and `INTERRUPTED` when the signal aborts.
 */
export async function digestFiles(platform: Platform, paths: readonly string[], signal?: AbortSignal): Promise<Digest[]> {
  const digests: Digest[] = [];
  for (const part of batches(paths)) digests.push(...(await runChild(platform, part, signal)));
  return digests.map((digest, index) => ({ ...digest, path: paths[index] ?? digest.path }));
}

async function runChild(
  platform: Platform,
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly Digest[]> {
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  const exit = await platform.processes.run({
    argv: [process.execPath, worker, String(process.pid), ...paths.map((path) => resolve(path))],
    folder: dirname(worker),
    // A child of ours takes no orders meant for this process.
    environment: { LOCKKEEPER_FAILPOINTS: undefined, NODE_OPTIONS: undefined },
    inherit: [],
    graceMs,
    ...(signal && { signal }),
    onOutput: (chunk, stream) => void (stream === "stdout" ? output : errors).push(chunk),
  });
  if (signal?.aborted) throw new LockkeeperError("INTERRUPTED", "reading the files was interrupted");
  const answer = parseAnswer(Buffer.concat(output).toString("utf8"));
  if (exit.exit !== 0 || !answer) {
    const said = Buffer.concat(errors).toString("utf8").trim().split("\n").at(-1) ?? "";
    throw new LockkeeperError(
      "IO_FAILED",
      `the child process that reads files ended with ${exit.signal ?? `exit ${exit.exit}`}${said && `: ${said}`}`,
      {
        hint: "Look for what ended it: memory, a limit of processes, a missing file of the installation.",
      },
    );
  }
  if ("failure" in answer) throw failed(answer.failure);
  return answer.results;
}

function parseAnswer(text: string): DigestAnswer | undefined {
  try {
    return JSON.parse(text) as DigestAnswer;
  } catch {
    return undefined;
  }
}

function failed({ path, code, message }: DigestFailure): LockkeeperError {
  return ioError(Object.assign(new Error(message), { code }), "read", path);
}

function* batches(paths: readonly string[]): Generator<string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for (const path of paths) {
    const added = Buffer.byteLength(resolve(path)) + 1;
    if (batch.length > 0 && bytes + added > argumentBytesMax) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(path);
    bytes += added;
  }
  if (batch.length > 0) yield batch;
}
