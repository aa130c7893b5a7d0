import { join } from "node:path";
import { interruptedError } from "../../errors/interrupted.ts";
import { firstLine, isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Rel } from "../../model/plan.ts";
import type { ReleaseRecord } from "../../model/release-record.ts";
import type { HeldLock } from "../../platform/lock.ts";
import { ioError } from "../../platform/io-error.ts";
import type { CommandExit } from "../../platform/port.ts";
import type { BuildFolder } from "./folder.ts";
import { followMessages } from "./messages.ts";
import { openOutputLog, type OutputLog } from "./output.ts";
import type { BuildContext, BuildSource, OperationOptions, ReleaseStore } from "../store.ts";

/** After SIGTERM, how long a build may clean up before SIGKILL; also how long a build function may take to notice its signal. */
export const graceMs = 10_000;

/** What a build starts from. */
export interface BuildBase extends Rel {
  readonly path: string;
}

/** A running build and what belongs to it. */
export interface BuildRun {
  readonly folder: BuildFolder;
  readonly base: BuildBase | undefined;
  /** Inherited by the command, so that it stays held while an orphaned command runs. */
  readonly lock: HeldLock;
  readonly options: OperationOptions;
}

/** A run with what it writes to. */
interface Task extends BuildRun {
  readonly store: ReleaseStore;
  readonly log: OutputLog;
}

type CommandSource = Extract<BuildSource, { kind: "command" }>;

/** How a build ended. */
export interface BuildOutcome {
  readonly builder: ReleaseRecord["builder"];
  /** The last 64 KiB of its output. */
  readonly output: Buffer;
}

/** A build that failed, with the output to keep. `error` is what the caller is told. */
export class BuildFailure extends Error {
  readonly error: LockkeeperError;
  readonly output: Buffer;

  constructor(error: LockkeeperError, output: Buffer) {
    super(error.message);
    this.error = error;
    this.output = output;
  }
}

/** Runs the source until the build's file is there. Throws `BuildFailure` with `BUILD_FAILED`, `BUILD_TIMEOUT` or `INTERRUPTED`. */
export async function runBuild(store: ReleaseStore, source: BuildSource, run: BuildRun): Promise<BuildOutcome> {
  const log = await openOutputLog(store.platform, join(run.folder.folder, "build.log"));
  const started = store.platform.clock.monotonicMs();
  try {
    const details = await runSource({ ...run, store, log }, source);
    const durationMs = Math.round(store.platform.clock.monotonicMs() - started);
    return { builder: { ...details, durationMs }, output: log.tail() };
  } catch (error) {
    throw new BuildFailure(failureOf(error, run.options.signal), log.tail());
  } finally {
    await log.close();
  }
}

async function runSource(task: Task, source: BuildSource): Promise<Omit<ReleaseRecord["builder"], "durationMs">> {
  switch (source.kind) {
    case "command":
      return { kind: "command", command: [...source.argv], exit: await runCommand(task, source) };
    case "function":
      await runFunction(task, source);
      return { kind: "function" };
    case "copy":
      await task.store.platform.files.copy(source.source, task.folder.path).catch((error: unknown) => {
        throw ioError(error, `copy ${source.source} to`, task.folder.path);
      });
      return { kind: "copy" };
  }
}

async function runCommand(task: Task, source: CommandSource): Promise<number> {
  const { store, log, folder, options } = task;
  const messages = join(folder.folder, "messages.jsonl");
  const stop = followMessages(store.platform, messages, (message) => options.onProgress?.({ kind: "message", message }));
  try {
    const exit = await store.platform.processes.run({
      argv: source.argv,
      folder: source.folder,
      environment: environmentOf(task, messages),
      inherit: [task.lock.file],
      graceMs,
      ...(source.timeoutMs !== undefined && { timeoutMs: source.timeoutMs }),
      ...(options.signal && { signal: options.signal }),
      onOutput(chunk, stream) {
        log.add(chunk);
        options.onProgress?.({ kind: "output", stream, chunk });
      },
    });
    return assertExit(task, source, exit);
  } catch (error) {
    throw isLockkeeperError(error) ? error : notStarted(source, error);
  } finally {
    await stop();
  }
}

/** The variables by which a build command finds its way; docs/builds.md describes each. */
function environmentOf(task: Task, messages: string): Record<string, string | undefined> {
  const { store, folder, base } = task;
  return {
    LOCKKEEPER_STORE: store.name,
    LOCKKEEPER_BUILD_PATH: folder.path,
    LOCKKEEPER_BUILD_DIR: folder.folder,
    LOCKKEEPER_BASE_PATH: base?.path,
    LOCKKEEPER_BASE_VERSION: base && String(base.version),
    LOCKKEEPER_MESSAGES: messages,
    DUCKDB_PATH: folder.path,
    DBT_TARGET_PATH: join(folder.folder, "dbt-target"),
    DBT_LOG_PATH: join(folder.folder, "dbt-logs"),
  };
}

function assertExit(task: Task, source: CommandSource, exit: CommandExit): number {
  const { signal } = task.options;
  if (signal?.aborted) throw interruptedError("the build", signal.reason);
  const command = source.argv.join(" ").slice(0, 200);
  if (exit.timedOut) {
    throw new LockkeeperError("BUILD_TIMEOUT", `the build command was stopped after ${source.timeoutMs} ms: ${command}`, {
      hint: "Raise `build.timeout`, or make the build shorter. Nothing was switched.",
      subject: command,
    });
  }
  if (exit.exit === 0) return 0;
  const how = exit.exit === null ? `was killed by ${exit.signal}` : `exited with code ${exit.exit}`;
  const last = task.log.lastLine();
  throw new LockkeeperError(
    "BUILD_FAILED",
    `the build command ${how}: ${command}${last ? `; its last line: ${last.slice(0, 500)}` : ""}`,
    {
      hint: `Nothing was switched. The end of its output is kept in ${task.store.paths.quarantine}.`,
      subject: command,
    },
  );
}

function notStarted({ argv, folder }: CommandSource, error: unknown): LockkeeperError {
  const program = argv[0] ?? "";
  return new LockkeeperError("BUILD_FAILED", `the build command could not be started: "${program}": ${firstLine(error)}`, {
    // Node says ENOENT of the program for a missing folder too.
    hint: `Check the program's name, the PATH, and the folder it runs in, ${folder}.`,
    subject: program,
    cause: error,
  });
}

/** Runs a build function until it settles, its time is up, or the operation is interrupted and the grace is over. */
async function runFunction(task: Task, source: Extract<BuildSource, { kind: "function" }>): Promise<void> {
  const { clock } = task.store.platform;
  const { folder, base, options } = task;
  const stop = new AbortController();
  const done = new AbortController();
  const signals = [stop.signal, ...(options.signal ? [options.signal] : [])];
  const signal = AbortSignal.any(signals);
  const context: BuildContext = {
    path: folder.path,
    dir: folder.folder,
    base,
    signal,
    message: (message) => options.onProgress?.({ kind: "message", message }),
  };
  const timeoutMs = source.timeoutMs;
  if (timeoutMs !== undefined) {
    const timeout = new LockkeeperError("BUILD_TIMEOUT", `the build function ran longer than ${timeoutMs} ms`, {
      hint: "Nothing was switched.",
    });
    void clock.wait(timeoutMs, { signal: done.signal, idle: true }).then(
      () => stop.abort(timeout),
      () => undefined,
    );
  }
  const given = new Promise<never>((_resolve, reject) => {
    const end = () =>
      void clock.wait(graceMs, { signal: done.signal, idle: true }).then(
        () => reject(signal.reason as Error),
        () => undefined,
      );
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
  });
  try {
    await Promise.race([source.build(context), given]);
    if (signal.aborted) throw signal.reason;
  } catch (error) {
    // Whatever a build throws after it was told to stop, it stopped because of that.
    throw signal.aborted ? signal.reason : error;
  } finally {
    done.abort();
  }
}

function failureOf(error: unknown, signal: AbortSignal | undefined): LockkeeperError {
  if (signal?.aborted) return interruptedError("the build", signal.reason);
  if (isLockkeeperError(error)) return error;
  return new LockkeeperError("BUILD_FAILED", `the build function threw: ${firstLine(error)}`, {
    hint: "Nothing was switched.",
    cause: error,
  });
}
