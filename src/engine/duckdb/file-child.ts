import { dirname, resolve } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { ioError } from "../../platform/io-error.ts";
import type { Platform } from "../../platform/port.ts";

/** What a child prints: one JSON document. */
export type FileAnswer<Results> = { readonly results: Results } | { readonly failure: FileFailure };

/** A file operation that failed in the child. */
export interface FileFailure {
  /** What it did with the path: "read". */
  readonly verb: string;
  readonly path: string;
  /** Node's error code. */
  readonly code: string;
  readonly message: string;
}

/** What a child process is to do with files. */
export interface FileTask extends Omit<ChildTask, "words"> {
  /** Made absolute. */
  readonly paths: readonly string[];
}

/** What a child process is to do. */
export interface ChildTask {
  /** Path of the child's program. It gets this process's id and the words as its arguments. */
  readonly worker: string;
  readonly words: readonly string[];
  /** Completes "the child process that …", for messages. */
  readonly task: string;
  readonly signal?: AbortSignal | undefined;
}

const graceMs = 1000;

/**
 * Has files handled in a child process: opening and closing a database file in this one would drop this process's locks on it (FACTS 1.3). Throws
 * `FILE_MISSING`, `PERMISSION_DENIED`, `DISK_FULL`, `IO_FAILED`, and `INTERRUPTED` when the signal aborts.
 */
export async function askFileChild<Results>(platform: Platform, { paths, ...task }: FileTask): Promise<Results> {
  return askChild<Results>(platform, { ...task, words: paths.map((path) => resolve(path)) });
}

/** The one answer of a child process of ours. Throws what its failure says, `IO_FAILED` where it dies, and `INTERRUPTED` when the signal aborts. */
export async function askChild<Results>(platform: Platform, { worker, words, task, signal }: ChildTask): Promise<Results> {
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  const exit = await platform.processes.run({
    argv: [process.execPath, worker, String(process.pid), ...words],
    folder: dirname(worker),
    // A child of ours takes no orders meant for this process.
    environment: { LOCKKEEPER_FAILPOINTS: undefined, NODE_OPTIONS: undefined },
    inherit: [],
    graceMs,
    ...(signal && { signal }),
    onOutput: (chunk, stream) => void (stream === "stdout" ? output : errors).push(chunk),
  });
  if (signal?.aborted) throw new LockkeeperError("INTERRUPTED", `the child process that ${task} was interrupted`);
  const answer = parseAnswer<Results>(Buffer.concat(output).toString("utf8"));
  if (exit.exit !== 0 || !answer) {
    const said = Buffer.concat(errors).toString("utf8").trim().split("\n").at(-1) ?? "";
    throw new LockkeeperError(
      "IO_FAILED",
      `the child process that ${task} ended with ${exit.signal ?? `exit ${exit.exit}`}${said && `: ${said}`}`,
      {
        hint: "Look for what ended it: memory, a limit of processes, a missing file of the installation.",
      },
    );
  }
  if ("failure" in answer) throw failed(answer.failure);
  return answer.results;
}

function parseAnswer<Results>(text: string): FileAnswer<Results> | undefined {
  try {
    return JSON.parse(text) as FileAnswer<Results>;
  } catch {
    return undefined;
  }
}

function failed({ verb, path, code, message }: FileFailure): LockkeeperError {
  return ioError(Object.assign(new Error(message), { code }), verb, path);
}
