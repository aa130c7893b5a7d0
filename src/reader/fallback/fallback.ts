import { isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { sha256Hex } from "../../model/manifest.ts";
import { ioError } from "../../platform/io-error.ts";
import type { Generation, Hold } from "../generation.ts";
import type { ReleaseTarget } from "../locate.ts";
import { openTarget, type OpeningContext } from "../opening.ts";
import { readerClosed } from "../pool.ts";
import { pause, sleep, type Deadline } from "../waiting.ts";
import type { FallbackData, FallbackSource } from "./source.ts";

/** The name of the release that a fallback is served as; its version is 0. */
export const fallbackRelease = "fallback";

/** How often a request asks for a fallback that somebody else has locked, or is writing. */
const retryMs = 25;

/**
 * What serves where there is no manifest: the first of some places that holds something, which may change from one request to the next. It is open only while requests use it and shortly
 * after, so that a program that rebuilds a database file in place gets its lock; while that one holds it, requests wait.
 */
export class Fallback {
  readonly #context: OpeningContext;
  readonly #sources: readonly FallbackSource[];
  /** Where data was found last. */
  #source: FallbackSource | undefined;
  #current: { readonly key: string; readonly generation: Generation } | undefined;
  #opening: Promise<void> | undefined;
  #idleTimer: AbortController | undefined;

  /** `sources` in the order in which they serve. */
  constructor(context: OpeningContext, sources: readonly FallbackSource[]) {
    this.#context = context;
    this.#sources = sources;
  }

  /** What serves, or would: "the single file /data/app.duckdb". */
  get description(): string {
    return this.#source?.description ?? this.#sources.map(({ description }) => description).join(" or ");
  }

  /** When the data was written, RFC 3339 UTC, as far as a look without waiting tells; `undefined` where there is none. Opens nothing. */
  modifiedAt(): string | undefined {
    for (const source of this.#sources) {
      const time = source.modifiedNow();
      if (time !== undefined) return isoTime(time);
    }
    return undefined;
  }

  /** When the data was written that lies there now, RFC 3339 UTC; `undefined` where there is none. Opens nothing. Throws `CONFIG_INVALID`, `PERMISSION_DENIED`. */
  async lastModified(): Promise<string | undefined> {
    const found = await this.#look();
    return found && isoTime(found.data.modifiedNs);
  }

  /**
   * The data as it is now, opened if need be. Throws `UNAVAILABLE` when it is missing, locked or being written past the deadline, `INTERRUPTED` on abort, else
   * what the engine throws.
   */
  async acquire(deadline: Deadline): Promise<Hold> {
    for (;;) {
      if (this.#context.closing.aborted) throw readerClosed();
      try {
        const { data } = await this.#find();
        const current = this.#current;
        if (current?.key === data.key && current.generation.state === "active") return this.#hold(current.generation);
        this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
        await this.#opening;
      } catch (error) {
        if (!isLockkeeperError(error, "FILE_LOCKED", "FILE_MISSING", "MANIFEST_MOVED", "BUILD_UNFINISHED")) throw error;
        if (deadline.leftMs() <= 0) throw unavailable(this.description, error);
        await pause(this.#context.store.platform.clock, Math.min(retryMs, deadline.leftMs()), deadline.signal);
      }
    }
  }

  /** Opens it once, to know that it can serve. One that somebody else has locked, or is writing, is as good: requests wait for it. */
  async probe(): Promise<void> {
    try {
      (await this.acquire({ leftMs: () => 0, signal: undefined })).end();
    } catch (error) {
      if (isLockkeeperError(error, "UNAVAILABLE") && isLockkeeperError(error.cause, "FILE_LOCKED", "BUILD_UNFINISHED")) return;
      throw error;
    }
  }

  /** Lets the data go once its requests have ended. */
  release(): void {
    this.#idleTimer?.abort();
    if (this.#current === undefined) return;
    void this.#context.pool.retire(this.#current.generation);
    this.#current = undefined;
  }

  #hold(generation: Generation): Hold {
    this.#idleTimer?.abort();
    return generation.hold();
  }

  async #open(): Promise<void> {
    const { source, data } = await this.#find();
    const current = this.#current;
    if (current?.key === data.key && current.generation.state === "active") return;
    this.release();
    await source.assertWhole(data);
    const verify = (): void => {
      if (this.#context.closing.aborted) throw readerClosed();
    };
    const generation = await openTarget(this.#context, { target: targetOf(data), pin: undefined, verify });
    try {
      const { data: after } = await this.#find();
      if (after.key !== data.key) throw moved(source.description);
      if (this.#context.closing.aborted) throw readerClosed();
    } catch (error) {
      await this.#context.pool.discard(generation);
      throw error;
    }
    generation.activate();
    this.#current = { key: data.key, generation };
    generation.onIdle(() => this.#startIdleTimer(generation));
    this.#startIdleTimer(generation);
  }

  /** Where nothing can be found, what was served is let go. */
  async #find(): Promise<{ readonly source: FallbackSource; readonly data: FallbackData }> {
    try {
      const found = await this.#look();
      if (found !== undefined) return found;
      throw new LockkeeperError("FILE_MISSING", `there is ${this.#sources.map(({ absence }) => absence).join(" and ")}`, {
        subject: this.#sources[0]?.path ?? "",
      });
    } catch (error) {
      this.release();
      throw error;
    }
  }

  async #look(): Promise<{ readonly source: FallbackSource; readonly data: FallbackData } | undefined> {
    for (const source of this.#sources) {
      const data = await source.find();
      if (data === undefined) continue;
      this.#source = source;
      return { source, data };
    }
    return undefined;
  }

  #startIdleTimer(generation: Generation): void {
    if (this.#current?.generation !== generation) return;
    this.#idleTimer?.abort();
    const timer = new AbortController();
    this.#idleTimer = timer;
    const { clock } = this.#context.store.platform;
    void sleep(clock, this.#context.settings.fallbackIdleMs, { signal: timer.signal, idle: true }).then(() => {
      if (!timer.signal.aborted) this.release();
    });
  }
}

function targetOf({ key, modifiedNs, target }: FallbackData): ReleaseTarget {
  return {
    ...target,
    release: fallbackRelease,
    version: 0,
    uid: sha256Hex(key).slice(0, 32),
    active: undefined,
    lastUpdated: isoTime(modifiedNs),
    pin: undefined,
    sqlite: [],
  };
}

function isoTime(ns: bigint): string {
  return new Date(Number(ns / 1_000_000n)).toISOString();
}

function moved(description: string): LockkeeperError {
  return new LockkeeperError("MANIFEST_MOVED", `${description} changed while it was being opened`);
}

function unavailable(description: string, cause: unknown): LockkeeperError {
  const { message, holder, subject } = ioError(cause, "open", description);
  return new LockkeeperError("UNAVAILABLE", `${description} cannot be read now: ${message}`, {
    hint: "Try again when the program that writes it has finished.",
    ...(subject !== undefined && { subject }),
    ...(holder !== undefined && { holder }),
    cause,
  });
}
