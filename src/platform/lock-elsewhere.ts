import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { throwIfInterrupted } from "../errors/interrupted.ts";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { CommandExit, Platform } from "./port.ts";

const worker = fileURLToPath(new URL("./lock-worker.js", import.meta.url));

/** How long the second process may take to start. A machine where that is longer has other troubles. Milliseconds. */
const startMsMax = 30_000;
const graceMs = 1_000;

/**
 * Runs `use` while a second process holds the exclusive lock on a file that exists, then ends that process and waits for its end. Throws `IO_FAILED` where the process
 * does not start or does not get the lock, `INTERRUPTED`, and what `use` throws.
 */
export async function whileLockedElsewhere<T>(
  platform: Platform,
  path: string,
  { use, signal }: { readonly use: () => Promise<T>; readonly signal?: AbortSignal | undefined },
): Promise<T> {
  const ending = new AbortController();
  const ended = AbortSignal.any([ending.signal, ...(signal ? [signal] : [])]);
  let heard = "";
  let tell: (line: string) => void = () => undefined;
  const firstLine = new Promise<string>((resolve) => (tell = resolve));
  const run: Promise<CommandExit> = platform.processes.run({
    argv: [process.execPath, worker, String(process.pid), path],
    folder: dirname(worker),
    // A child of ours takes no orders meant for this process.
    environment: { LOCKKEEPER_FAILPOINTS: undefined, NODE_OPTIONS: undefined },
    inherit: [],
    graceMs,
    timeoutMs: startMsMax,
    signal: ended,
    onOutput(chunk) {
      heard += chunk.toString("utf8");
      const [line, more] = heard.split("\n", 2);
      if (line !== undefined && more !== undefined) tell(line);
    },
  });
  try {
    const line = await Promise.race([firstLine, run.then(() => "")]);
    throwIfInterrupted(signal, "trying the locks");
    if (line === "held") return await use();
    throw new LockkeeperError(
      "IO_FAILED",
      `a second process could not lock ${path}: ${line || heard.trim() || "it ended at once"}`,
      {
        hint: "Look for what ended it: memory, a limit of processes, a missing file of the installation.",
        subject: path,
      },
    );
  } finally {
    ending.abort();
    await run.catch(() => undefined);
  }
}
