import { basename as fileName } from "node:path";
import { LockkeeperError, isLockkeeperError } from "../errors/lockkeeper-error.ts";
import { sha256Hex } from "../model/manifest.ts";
import { reservedBasenames } from "../model/names.ts";
import { ioError } from "../platform/io-error.ts";
import type { FileStat } from "../platform/port.ts";
import type { Generation, Hold } from "./generation.ts";
import type { ReleaseTarget } from "./locate.ts";
import { openTarget, type OpeningContext } from "./opening.ts";
import { readerClosed } from "./pool.ts";
import { pause, sleep, type Deadline } from "./waiting.ts";

/** The name of the release that a fallback file is served as; its version is 0. */
export const fallbackRelease = "fallback";

/** The file that the fallback's path leads to. */
interface FallbackFile {
  readonly path: string;
  /** Changes when the file does. */
  readonly key: string;
  readonly modifiedNs: bigint;
}

/** How often a request asks for a fallback file that somebody else has locked. */
const retryMs = 25;

/**
 * The single file that serves where there is no manifest. It is open only while requests use it and shortly after, so that a program that
 * rebuilds the file in place gets its lock; while that one holds it, requests wait.
 */
export class Fallback {
  readonly path: string;
  readonly #context: OpeningContext;
  #current: { readonly file: FallbackFile; readonly generation: Generation } | undefined;
  #opening: Promise<void> | undefined;
  #idleTimer: AbortController | undefined;

  constructor(context: OpeningContext, path: string) {
    this.#context = context;
    this.path = path;
  }

  /** When the file was written, RFC 3339 UTC; `undefined` where there is none. Does not open it. */
  modifiedAt(): string | undefined {
    const stat = this.#context.store.platform.files.statNow(this.path);
    return stat === undefined ? undefined : isoTime(stat.modifiedNs);
  }

  /**
   * The file as it is now, opened if need be. Throws `UNAVAILABLE` when it is missing or locked past the deadline, `INTERRUPTED` on abort, else
   * what the engine throws.
   */
  async acquire(deadline: Deadline): Promise<Hold> {
    for (;;) {
      if (this.#context.closing.aborted) throw readerClosed();
      try {
        const current = this.#usable();
        if (current !== undefined) return this.#hold(current);
        this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
        await this.#opening;
      } catch (error) {
        if (!isLockkeeperError(error, "FILE_LOCKED", "FILE_MISSING", "MANIFEST_MOVED")) throw error;
        if (deadline.leftMs() <= 0) throw unavailable(this.path, error);
        await pause(this.#context.store.platform.clock, Math.min(retryMs, deadline.leftMs()), deadline.signal);
      }
    }
  }

  /** Opens it once, to know that it can serve. A file that somebody else has locked is as good: requests wait for it. */
  async probe(): Promise<void> {
    try {
      (await this.acquire({ leftMs: () => 0, signal: undefined })).end();
    } catch (error) {
      if (isLockkeeperError(error, "UNAVAILABLE") && isLockkeeperError(error.cause, "FILE_LOCKED")) return;
      throw error;
    }
  }

  /** Lets the file go once its requests have ended. */
  release(): void {
    this.#idleTimer?.abort();
    if (this.#current === undefined) return;
    void this.#context.pool.retire(this.#current.generation);
    this.#current = undefined;
  }

  #usable(): Generation | undefined {
    const current = this.#current;
    if (current === undefined) return undefined;
    if (this.#isStill(current.file) && current.generation.state === "active") return current.generation;
    this.release();
    return undefined;
  }

  #hold(generation: Generation): Hold {
    this.#idleTimer?.abort();
    return generation.hold();
  }

  async #open(): Promise<void> {
    const file = await this.#find();
    const verify = (): void => {
      if (this.#context.closing.aborted) throw readerClosed();
      if (this.#isStill(file)) return;
      throw new LockkeeperError("MANIFEST_MOVED", `${this.path} changed while it was being opened`, { subject: this.path });
    };
    const generation = await openTarget(this.#context, { target: this.#target(file), pin: undefined, verify });
    generation.activate();
    this.#current = { file, generation };
    generation.onIdle(() => this.#startIdleTimer(generation));
    this.#startIdleTimer(generation);
  }

  async #find(): Promise<FallbackFile> {
    const { files } = this.#context.store.platform;
    const path = files.statNow(this.path)?.kind === "symlink" ? await files.resolve(this.path) : this.path;
    const stat = path === undefined ? undefined : files.statNow(path);
    if (path === undefined || stat === undefined) {
      throw new LockkeeperError("FILE_MISSING", `there is no fallback file at ${this.path}`, { subject: this.path });
    }
    if (stat.kind !== "file") {
      throw new LockkeeperError("CONFIG_INVALID", `the fallback ${this.path} is not a regular file`, { subject: this.path });
    }
    return { path, key: this.#keyNow(path), modifiedNs: stat.modifiedNs };
  }

  #isStill(file: FallbackFile): boolean {
    return this.#keyNow(file.path) === file.key;
  }

  /** A link, too, may be turned to another file. */
  #keyNow(path: string): string {
    const { files } = this.#context.store.platform;
    const stats = path === this.path ? [files.statNow(path)] : [files.statNow(this.path), files.statNow(path)];
    return stats.map((stat) => (stat === undefined ? "none" : keyOf(stat))).join(" ");
  }

  #target(file: FallbackFile): ReleaseTarget {
    const stem = fileName(this.path).replace(/\.[^.]*$/, "");
    const { basename } = this.#context.settings;
    if (basename === undefined && reservedBasenames.has(stem.toLowerCase())) {
      throw new LockkeeperError("CONFIG_INVALID", `the fallback file's name "${stem}" cannot be a catalogue name`, {
        hint: "Rename the file, or give the option `basename`.",
        subject: this.path,
      });
    }
    const stems = basename === undefined || basename === stem || reservedBasenames.has(stem.toLowerCase()) ? [] : [stem];
    return {
      release: fallbackRelease,
      version: 0,
      uid: sha256Hex(file.key).slice(0, 32),
      active: undefined,
      lastUpdated: isoTime(file.modifiedNs),
      path: file.path,
      names: [basename ?? stem, ...stems],
      pin: undefined,
    };
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

function isoTime(ns: bigint): string {
  return new Date(Number(ns / 1_000_000n)).toISOString();
}

function keyOf(stat: FileStat): string {
  return `${stat.device}:${stat.inode}:${stat.bytes}:${stat.modifiedNs}`;
}

function unavailable(path: string, cause: unknown): LockkeeperError {
  const { message, holder } = ioError(cause, "open", path);
  return new LockkeeperError("UNAVAILABLE", `the fallback file cannot be read now: ${message}`, {
    hint: "Try again when the program that writes it has finished.",
    subject: path,
    ...(holder !== undefined && { holder }),
    cause,
  });
}
