import { join } from "node:path";
import { interruptedError } from "../../errors/interrupted.ts";
import { firstLine, isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { CheckResult } from "../../model/check.ts";
import type { DbtRunResult } from "../../model/dbt/files.ts";
import { errorIn, oneLine } from "../../model/dbt/output.ts";
import { resultChecks, verdictOn, type Verdict } from "../../model/dbt/results.ts";
import type { ReleaseRecord } from "../../model/release-record.ts";
import type { Watermark } from "../../model/watermark.ts";
import type { HeldLock } from "../../platform/lock.ts";
import { writeNewFile } from "../../platform/files.ts";
import { ioError } from "../../platform/io-error.ts";
import type { CommandExit } from "../../platform/port.ts";
import { followRunResults, type FollowedResults } from "../dbt/run-results.ts";
import type { BuildBase } from "./base.ts";
import { buildEnvironment, messagesPath } from "./environment.ts";
import type { BuildFolder } from "./folder.ts";
import { followMessages } from "./messages.ts";
import { openOutputLog, type OutputLog } from "./output.ts";
import { Reported } from "./reported.ts";
import { readSqlFiles } from "./sql.ts";
import { takeFolder } from "./take-folder.ts";
import type { BuildContext, BuildSource, OperationOptions, ReleaseStore } from "../store.ts";

/** After SIGTERM, how long a build may clean up before SIGKILL; also how long a build function may take to notice its signal. */
export const graceMs = 10_000;

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
  readonly reported: Reported;
  readonly results: FollowedResults;
}

type CommandSource = Omit<Extract<BuildSource, { kind: "command" }>, "kind"> & {
  /** What it is called, where its words say nothing to anybody. */
  readonly title?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
};

/** How a build ended. */
export interface BuildOutcome {
  readonly builder: ReleaseRecord["builder"];
  /** The last 64 KiB of its output. */
  readonly output: Buffer;
  /** Checks that the build reported. */
  readonly checks: readonly CheckResult[];
  /** How far its data reaches, as the build reported it. */
  readonly watermarks: readonly Watermark[];
  /** What dbt said of each node that it ran; `undefined` where none did. */
  readonly results: readonly DbtRunResult[] | undefined;
  /** The build itself refuses what it made: dbt built all that it could, and a test failed. */
  readonly refused: boolean;
}

/** A build that failed, with the output and the reported checks to keep. `error` is what the caller is told. */
export class BuildFailure extends Error {
  readonly error: LockkeeperError;
  readonly output: Buffer;
  readonly checks: readonly CheckResult[];

  constructor(error: LockkeeperError, { output, checks }: Pick<BuildOutcome, "output" | "checks">) {
    super(error.message);
    this.error = error;
    this.output = output;
    this.checks = checks;
  }
}

/** Runs the source until the build's file is there. Throws `BuildFailure` with `BUILD_FAILED`, `BUILD_TIMEOUT` or `INTERRUPTED`. */
export async function runBuild(store: ReleaseStore, source: BuildSource, run: BuildRun): Promise<BuildOutcome> {
  const log = await openOutputLog(store.platform, join(run.folder.folder, "build.log"));
  const started = store.platform.clock.monotonicMs();
  const reported = new Reported(run.options);
  const results = followRunResults(store, run.folder.folder);
  try {
    const details = await runSource({ ...run, store, log, reported, results }, source);
    const durationMs = Math.round(store.platform.clock.monotonicMs() - started);
    return {
      builder: { ...details, durationMs },
      output: log.tail(),
      checks: reported.results(),
      watermarks: reported.watermarks(),
      results: await results.stop(),
      refused: details.exit !== undefined && details.exit !== 0,
    };
  } catch (error) {
    const said = await results.stop().catch(() => undefined);
    const checks = [...(said ? resultChecks(said, undefined) : []), ...reported.results()];
    throw new BuildFailure(failureOf(error, run.options.signal), { output: log.tail(), checks });
  } finally {
    await log.close();
  }
}

async function runSource(task: Task, source: BuildSource): Promise<Omit<ReleaseRecord["builder"], "durationMs">> {
  switch (source.kind) {
    case "command":
      return { kind: "command", command: [...source.argv], exit: await runCommand(task, source) };
    case "sql":
      return runSql(task, source);
    case "function":
      await runFunction(task, source);
      return { kind: "function" };
    case "copy":
      await task.store.platform.files.copy(source.source, task.folder.path).catch((error: unknown) => {
        throw ioError(error, `copy ${source.source} to`, task.folder.path);
      });
      return { kind: "copy" };
    case "folder":
      await takeFolder(task.store, task.folder, { source: source.source, signal: task.options.signal });
      return { kind: "folder" };
  }
}

/** Runs SQL files in a child process of ours: it has the lock, the signals and the time of a command. */
async function runSql(
  task: Task,
  source: Extract<BuildSource, { kind: "sql" }>,
): Promise<Omit<ReleaseRecord["builder"], "durationMs">> {
  const { platform, engine } = task.store;
  const files = await readSqlFiles(platform, source);
  const job = join(task.folder.folder, "sql.json");
  const bytes = Buffer.from(JSON.stringify({ files: files.map(({ path, text }) => ({ path, text })) }));
  await writeNewFile(platform, { path: job, bytes, failpoint: "sql" });
  const exit = await runCommand(task, {
    argv: engine.sqlCommand(job),
    folder: source.folder,
    timeoutMs: source.timeoutMs,
    title: `the SQL of ${source.path}`,
    // A child of ours takes no orders meant for this process.
    environment: { LOCKKEEPER_FAILPOINTS: undefined, NODE_OPTIONS: undefined },
  });
  return { kind: "sql", sql: files.map(({ path, sha256 }) => ({ path, sha256 })), exit };
}

async function runCommand(task: Task, source: CommandSource): Promise<number> {
  const { store, log, folder, options } = task;
  const stop = followMessages(store.platform, messagesPath(folder.folder), task.reported);
  try {
    const exit = await store.platform.processes.run({
      argv: source.argv,
      folder: source.folder,
      environment: { ...buildEnvironment(store, task), ...source.environment },
      inherit: [task.lock.file],
      graceMs,
      ...(source.timeoutMs !== undefined && { timeoutMs: source.timeoutMs }),
      ...(options.signal && { signal: options.signal }),
      onOutput(chunk, stream) {
        log.add(chunk);
        options.onProgress?.({ kind: "output", stream, chunk });
      },
    });
    return assertExit(task, source, { ...exit, said: (await task.results.stop()) ?? [] });
  } catch (error) {
    throw isLockkeeperError(error) ? error : notStarted(source, error);
  } finally {
    await stop();
  }
}

/** The exit code of a command that did what it could: 0, or that of a dbt whose tests failed and nothing else. */
function assertExit(task: Task, source: CommandSource, exit: CommandExit & { readonly said: readonly DbtRunResult[] }): number {
  const { signal } = task.options;
  if (signal?.aborted) throw interruptedError("the build", signal.reason);
  if (exit.exit === 0 && !exit.timedOut) return 0;
  const verdict = verdictOn(exit.said);
  if (exit.exit === 1 && !exit.timedOut && verdict.refused) return exit.exit;
  throw notDone(task, source, { exit, verdict });
}

/** The error for a command that ended, and not well. */
function notDone(
  task: Task,
  source: CommandSource,
  { exit, verdict }: { readonly exit: CommandExit; readonly verdict: Verdict },
): LockkeeperError {
  const command = source.title ?? source.argv.join(" ").slice(0, 200);
  const what = source.title ?? "the build command";
  const which = source.title === undefined ? `: ${command}` : "";
  if (exit.timedOut) {
    return new LockkeeperError("BUILD_TIMEOUT", `${what} was stopped after ${source.timeoutMs} ms${which}`, {
      hint: "Raise `build.timeout`, or make the build shorter. Nothing was switched.",
      subject: command,
    });
  }
  const how = exit.exit === null ? `was killed by ${exit.signal}` : `exited with code ${exit.exit}`;
  const last = task.log.lastLine()?.slice(0, 500);
  // Our own program says on its last line what there is to say.
  const said = source.title !== undefined && exit.exit === 1 && last ? `${what} failed: ${last}` : undefined;
  const ended = errorIn(task.log.tail().toString("utf8"));
  const reason = verdict.reason ?? (ended && oneLine(ended)) ?? (last && `its last line: ${last}`);
  return new LockkeeperError("BUILD_FAILED", said ?? `${what} ${how}${which}${reason ? `; ${reason}` : ""}`, {
    hint: `${unselected(task, verdict)}Nothing was switched. The end of its output is kept in ${task.store.paths.quarantine}.`,
    subject: command,
  });
}

/** What to do where dbt, in a build on a release, did not find what it had not made itself. */
function unselected({ base }: Task, { missing }: Verdict): string {
  if (base?.copied === undefined || missing === undefined) return "";
  return `${missing} is no table of ${base.release}, which this build is on: where it is a model, select it, too (\`+model\` selects all that a model reads). `;
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
    base: base && { path: base.path, release: base.release, version: base.version },
    signal,
    message: (message) => task.reported.take(message),
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
