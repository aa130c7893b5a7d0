import { firstLine, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { CheckResult } from "../../model/check.ts";
import { checkMessages } from "../../model/dagster/checks.ts";
import { declaredChecks, type DeclaredChecks, type StepContext } from "../../model/dagster/context.ts";
import {
  exceptionOf,
  namedException,
  pipesLine,
  type LogLevel,
  type PipesException,
  type PipesMessage,
} from "../../model/dagster/messages.ts";
import { materializations, refusalException } from "../../model/dagster/report.ts";
import type { PublishResult } from "../../model/results.ts";
import type { ProgressEvent } from "../../release/store.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { buildMessageLine } from "../render/progress.ts";
import { printable } from "../render/text.ts";
import { openChannel, type PipesChannel } from "./channel.ts";
import { readPipesRequest } from "./variables.ts";
import type { ReleaseWork } from "./with-pipes.ts";

/** Lines of progress that one session logs; each is a row in Dagster's event log. */
const progressMax = 1_000;
/** Failed checks that are logged one by one. */
const failedMax = 100;

/** What a command has made, and where it is served. */
interface Made {
  readonly result: PublishResult;
  readonly origin: string | undefined;
}

/** Tells Dagster how a command that makes a release goes, and runs it. Throws `USAGE` for variables that Dagster did not write so. */
export async function runInSession(context: CommandContext, work: ReleaseWork): Promise<Outcome> {
  const { step, messages } = await readPipesRequest(process.env);
  const warn = (detail: string) => context.onProgress({ kind: "warning", detail });
  let channel: PipesChannel | undefined;
  try {
    channel = openChannel(messages, context);
  } catch (error) {
    warn(untold(error));
  }
  return new PipesSession(step, channel, warn).run(context, work);
}

/** From `opened` to `closed`. Whatever goes wrong with messages is a warning: it fails no publish. */
class PipesSession {
  readonly #step: StepContext;
  readonly #warn: (detail: string) => void;
  readonly #startedMs = performance.now();
  /** `undefined` once nothing can be told any more. */
  #channel: PipesChannel | undefined;
  #progressTold = 0;

  constructor(step: StepContext, channel: PipesChannel | undefined, warn: (detail: string) => void) {
    this.#step = step;
    this.#channel = channel;
    this.#warn = warn;
  }

  async run(context: CommandContext, work: ReleaseWork): Promise<Outcome> {
    this.#tell({ method: "opened", params: { extras: {} } });
    // A second signal ends the process at once; also then the last line is ours.
    const onExit = () => this.#close(namedException("INTERRUPTED", "the process ended before its time"));
    process.once("exit", onExit);
    let declared: DeclaredChecks = new Map();
    let made: Made | undefined;
    try {
      declared = declaredChecks(this.#step);
      const outcome = await work(this.#listening(context), (result, origin) => {
        this.#assertReal(result);
        made = { result, origin };
      });
      this.#close(this.#report(made, declared));
      return outcome;
    } catch (error) {
      // The release may be out for all that.
      this.#report(made, declared);
      this.#close(exceptionOf(error));
      throw error;
    } finally {
      process.off("exit", onExit);
    }
  }

  #listening(context: CommandContext): CommandContext {
    return {
      ...context,
      onProgress: (event) => {
        this.#onProgress(event);
        context.onProgress(event);
      },
    };
  }

  /** Dagster takes an exit 0 without a word for a materialisation. */
  #assertReal({ outcome }: PublishResult): void {
    if (outcome !== "planned" || this.#step.assets.length === 0) return;
    throw new LockkeeperError("USAGE", "--dry-run publishes nothing, and Dagster would take its exit 0 for a materialisation", {
      hint: "Leave --dry-run out, or run it in an op, which has no asset.",
      subject: "--dry-run",
    });
  }

  /** Tells what came of it; the exception to close with, where there is one. */
  #report(made: Made | undefined, declared: DeclaredChecks): PipesException | undefined {
    if (made === undefined || made.result.outcome === "planned") return undefined;
    const { result, origin } = made;
    try {
      const durationMs = performance.now() - this.#startedMs;
      for (const message of materializations(result, { assets: this.#step.assets, durationMs, origin })) this.#tell(message);
      for (const message of checkMessages(result, declared)) this.#tell(message);
      this.#logResult(result);
    } catch (error) {
      this.#warn(untold(error));
    }
    return result.outcome === "refused" ? refusalException(result) : undefined;
  }

  #logResult({ store, outcome, release = "", version = 0, checks }: PublishResult): void {
    const failed = checks.filter(({ status }) => status === "fail");
    for (const check of failed.slice(0, failedMax)) this.#log(...checkLine(check));
    if (failed.length > failedMax) this.#log("WARNING", `and ${failed.length - failedMax} more failed checks`);
    if (outcome === "refused") this.#log("ERROR", `${store}: the build was refused; what was active stays active`);
    else this.#log("INFO", `${store} now serves ${release} (version ${version})`);
  }

  /** Build output is not told: it is on standard error, which Dagster keeps. */
  #onProgress(event: ProgressEvent): void {
    if (event.kind === "output") return;
    this.#progressTold += 1;
    if (this.#progressTold > progressMax) return;
    this.#log(...progressLine(event));
    if (this.#progressTold === progressMax) this.#log("INFO", "more of this is on standard error only");
  }

  #log(level: LogLevel, text: string): void {
    this.#tell({ method: "log", params: { message: printable(text), level } });
  }

  /** Of two endings the first counts. */
  #close(exception: PipesException | undefined): void {
    this.#tell({ method: "closed", params: exception === undefined ? {} : { exception } });
    const channel = this.#channel;
    this.#channel = undefined;
    try {
      channel?.end();
    } catch (error) {
      this.#warn(untold(error));
    }
  }

  #tell(message: PipesMessage): void {
    try {
      this.#channel?.write(pipesLine(message));
    } catch (error) {
      this.#channel = undefined;
      this.#warn(untold(error));
    }
  }
}

function progressLine(event: Exclude<ProgressEvent, { kind: "output" }>): readonly [LogLevel, string] {
  switch (event.kind) {
    case "phase":
      return ["INFO", event.detail === undefined ? event.phase : `${event.phase} ${event.detail}`];
    case "message":
      return ["INFO", buildMessageLine(event.message)];
    case "warning":
      return ["WARNING", event.detail];
    case "cleaned":
    case "waiting":
      return ["INFO", `${event.kind} ${event.detail}`];
  }
}

function checkLine({ name, severity, message }: CheckResult): readonly [LogLevel, string] {
  return [severity === "error" ? "ERROR" : "WARNING", `check ${name} failed: ${message}`];
}

function untold(error: unknown): string {
  return `Dagster is told nothing more: ${firstLine(error)}`;
}
