import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ErrorCode } from "../../errors/codes.ts";
import { throwIfInterrupted } from "../../errors/interrupted.ts";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Platform } from "../../platform/port.ts";
import { assertDriver } from "./driver.ts";

/** What the child process is to do. */
export type SqliteTask = "seal" | "copy";

/** What the child prints: one JSON document. */
export type SqliteAnswer =
  | { readonly done: true }
  | {
      readonly failure: { readonly code: ErrorCode; readonly message: string; readonly hint?: string; readonly subject?: string };
    };

const worker = fileURLToPath(new URL("./sqlite-worker.js", import.meta.url));
const graceMs = 1000;

/**
 * Has a file handled in a child process, which gets this process's id, the task and the paths, made absolute: a pass over all pages would hold this thread, and a close in
 * here would drop this process's locks on the file (FACTS 1.3). Throws `FEATURE_MISSING`, `INTERRUPTED` when the signal aborts, `IO_FAILED` where the child does
 * not answer, and what the child says.
 */
export async function askSqliteChild(
  platform: Platform,
  task: SqliteTask,
  { paths, signal }: { readonly paths: readonly string[]; readonly signal: AbortSignal | undefined },
): Promise<void> {
  assertDriver();
  throwIfInterrupted(signal, `the ${task} of ${paths[0]}`);
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  const exit = await platform.processes.run({
    argv: [process.execPath, worker, String(process.pid), task, ...paths.map((path) => resolve(path))],
    folder: dirname(worker),
    // A child of ours takes no orders meant for this process.
    environment: { LOCKKEEPER_FAILPOINTS: undefined, NODE_OPTIONS: undefined },
    inherit: [],
    graceMs,
    ...(signal && { signal }),
    onOutput: (chunk, stream) => void (stream === "stdout" ? output : errors).push(chunk),
  });
  throwIfInterrupted(signal, `the ${task} of ${paths[0]}`);
  const answer = parseAnswer(Buffer.concat(output).toString("utf8"));
  if (exit.exit !== 0 || answer === undefined) {
    const said = Buffer.concat(errors).toString("utf8").trim().split("\n").at(-1) ?? "";
    const how = `${exit.signal ?? `exit ${exit.exit}`}${said && `: ${said}`}`;
    throw new LockkeeperError("IO_FAILED", `the child process for the ${task} of ${paths[0]} ended with ${how}`, {
      hint: "Look for what ended it: memory, a limit of processes, a missing file of the installation.",
    });
  }
  if (!("failure" in answer)) return;
  const { code, message, ...details } = answer.failure;
  throw new LockkeeperError(code, message, details);
}

function parseAnswer(text: string): SqliteAnswer | undefined {
  try {
    return JSON.parse(text) as SqliteAnswer;
  } catch {
    return undefined;
  }
}
