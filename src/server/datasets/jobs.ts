import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Job } from "../../model/analytics.ts";
import type { Clock } from "../../platform/port.ts";
import type { ProgressEvent } from "../../release/store.ts";
import type { Workspace } from "../../workspace/api.ts";
import { asLockkeeperError, publicError } from "../problem.ts";

/** Of a build's output the end is kept. Bytes. */
const logBytesMax = 64 * 1024;
/** Jobs that are over and remembered. */
const remembered = 50;

/** What jobs are run with. */
export interface JobTools {
  readonly workspace: Pick<Workspace, "publish" | "hasBuild">;
  readonly clock: Pick<Clock, "now">;
  /** 12 hex digits that nobody guesses. */
  readonly newId: () => string;
}

interface Running {
  job: Job;
  readonly cancel: AbortController;
  readonly log: LogTail;
  readonly over: Promise<void>;
}

/** The refreshes that this server has started: a publish of the store's configured build each, one at a time in a store. They are forgotten when the server ends. */
export class RefreshJobs {
  readonly #tools: JobTools;
  readonly #jobs = new Map<string, Running>();
  #closed = false;

  constructor(tools: JobTools) {
    this.#tools = tools;
  }

  /** The job of a store that is under way. */
  running(store: string): Job | undefined {
    return [...this.#jobs.values()].find(({ job }) => job.store === store && job.status === "running")?.job;
  }

  /** Starts a refresh. Throws `JOB_RUNNING`, `BUILD_MISSING`, `UNAVAILABLE`. */
  start(store: string): Job {
    if (this.#closed) throw publicError("UNAVAILABLE", "the server closes");
    if (!this.#tools.workspace.hasBuild(store)) {
      throw publicError("BUILD_MISSING", `nobody said what the build of store ${JSON.stringify(store)} is`, {
        hint: "Set build.command or build.sql of the store in lockkeeper.toml.",
      });
    }
    if (this.running(store)) throw publicError("JOB_RUNNING", `a refresh of store ${JSON.stringify(store)} is running already`);
    const id = this.#tools.newId();
    const cancel = new AbortController();
    const log = new LogTail();
    const job: Job = {
      job: id,
      store,
      status: "running",
      started_at: this.#tools.clock.now().toISOString(),
      finished_at: null,
      phase: null,
      release: null,
      version: null,
      error: null,
      log: "",
    };
    const running: Running = { job, cancel, log, over: Promise.resolve() };
    this.#jobs.set(id, { ...running, over: this.#run(id) });
    this.#forget();
    return this.get(id);
  }

  /** Throws `JOB_UNKNOWN`. */
  get(id: string): Job {
    const { job, log } = this.#find(id);
    return { ...job, log: log.text() };
  }

  /** Stops a job, so that nothing is switched; one that is over stays as it is. Throws `JOB_UNKNOWN`. */
  async cancel(id: string): Promise<Job> {
    const { cancel, over } = this.#find(id);
    cancel.abort(new Error("the refresh was cancelled"));
    await over;
    return this.get(id);
  }

  /** Stops what runs. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { cancel } of this.#jobs.values()) cancel.abort(new Error("the server closes"));
    await Promise.all([...this.#jobs.values()].map(({ over }) => over));
  }

  #find(id: string): Running {
    const found = this.#jobs.get(id);
    if (found) return found;
    throw publicError("JOB_UNKNOWN", `this server has no job ${JSON.stringify(id)}`, {
      hint: "A server forgets its jobs when it ends. The releases of the store tell what was published.",
    });
  }

  async #run(id: string): Promise<void> {
    // The job is in the map before anything happens to it.
    await Promise.resolve();
    const { job, cancel, log } = this.#find(id);
    const end = (outcome: Partial<Job>): void => {
      Object.assign(job, outcome, { finished_at: this.#tools.clock.now().toISOString() });
    };
    try {
      const options = {
        signal: cancel.signal,
        onProgress: (event: ProgressEvent) => note(job, log, event),
      };
      const {
        outcome,
        release = null,
        version = null,
        checks,
      } = await this.#tools.workspace.publish(job.store, undefined, options);
      if (outcome === "refused") {
        const failed = checks.filter(({ status, severity }) => status === "fail" && severity === "error");
        for (const { message } of failed) log.add(Buffer.from(`refused: ${message}\n`));
      }
      end({ status: outcome === "refused" ? "refused" : "succeeded", release, version });
    } catch (thrown) {
      const error = asLockkeeperError(thrown);
      const cancelled = cancel.signal.aborted && isLockkeeperError(error, "INTERRUPTED");
      end({ status: cancelled ? "cancelled" : "failed", error: { code: error.code, message: error.message } });
    }
  }

  #forget(): void {
    const over = [...this.#jobs].filter(([, { job }]) => job.status !== "running");
    for (const [id] of over.slice(0, Math.max(0, over.length - remembered))) this.#jobs.delete(id);
  }
}

function note(job: Job, log: LogTail, event: ProgressEvent): void {
  if (event.kind === "phase") job.phase = event.phase;
  else if (event.kind === "output") log.add(event.chunk);
  else if (event.kind === "warning") log.add(Buffer.from(`warning: ${event.detail}\n`));
}

/** The end of an output. */
class LogTail {
  #bytes = Buffer.alloc(0);

  add(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]).subarray(-logBytesMax);
  }

  text(): string {
    return this.#bytes.toString("utf8");
  }
}
