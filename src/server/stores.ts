import { setMaxListeners } from "node:events";
import type { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { didYouMean } from "../model/nearest.ts";
import type { Clock } from "../platform/port.ts";
import type { BorrowedRelease, Reader } from "../reader/reader.ts";
import { asLockkeeperError, publicError } from "./problem.ts";

/** A store whose reader could not be opened is not tried again for so long. Milliseconds. */
const retryAfterMs = 1_000;

/** What opens readers. */
export interface ReaderSource {
  readonly stores: readonly string[];
  openReader(
    store: string,
    options: { readonly warn: (message: string) => void; readonly prime: (release: BorrowedRelease) => Promise<void> },
  ): Promise<Reader>;
}

/** What a store's readers tell, and what each of their releases is primed with. */
export interface StoreHooks {
  readonly warn: (store: string, message: string) => void;
  readonly prime: (store: string, release: BorrowedRelease) => Promise<void>;
}

interface Entry {
  opening: Promise<Reader> | undefined;
  reader: Reader | undefined;
  failure: { readonly error: LockkeeperError; readonly atMs: number } | undefined;
  /** Tries that failed in a row. */
  failures: number;
}

/** The readers of a server, opened when they are first asked for; one that could not be opened is tried again, for a store gets its first release some day. */
export class ServedStores {
  readonly #source: ReaderSource;
  readonly #clock: Clock;
  readonly #hooks: StoreHooks;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners: ((store: string, reader: Reader) => void)[] = [];
  readonly #closing = new AbortController();

  constructor(source: ReaderSource, clock: Clock, hooks: StoreHooks) {
    this.#source = source;
    this.#clock = clock;
    this.#hooks = hooks;
    setMaxListeners(0, this.#closing.signal);
    for (const store of source.stores) {
      this.#entries.set(store, { opening: undefined, reader: undefined, failure: undefined, failures: 0 });
    }
  }

  /** Ids, in the order of the configuration. */
  get names(): readonly string[] {
    return this.#source.stores;
  }

  /** Aborts when the server closes. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Throws `STORE_UNKNOWN` unless the store is configured. */
  assertKnown(store: string): void {
    this.#entry(store);
  }

  #entry(store: string): Entry {
    const entry = this.#entries.get(store);
    if (entry) return entry;
    throw publicError("STORE_UNKNOWN", `there is no store ${JSON.stringify(store)}${didYouMean(store, this.names)}`);
  }

  /** The open reader, if there is one. */
  peek(store: string): Reader | undefined {
    return this.#entries.get(store)?.reader;
  }

  /** Why the last try to open a reader failed, where there is none. */
  failure(store: string): LockkeeperError | undefined {
    const entry = this.#entries.get(store);
    return entry?.reader === undefined ? entry?.failure?.error : undefined;
  }

  /** How many tries to open a reader failed in a row; 0 where there is one. */
  failures(store: string): number {
    return this.#entries.get(store)?.failures ?? 0;
  }

  /** Calls `listener` with every reader once it is open. */
  onOpen(listener: (store: string, reader: Reader) => void): void {
    this.#listeners.push(listener);
    for (const [store, { reader }] of this.#entries) if (reader !== undefined) listener(store, reader);
  }

  /** The store's reader. Throws `STORE_UNKNOWN`, `NO_RELEASE` and what else opening throws. */
  async reader(store: string): Promise<Reader> {
    const entry = this.#entry(store);
    if (entry.reader !== undefined) return entry.reader;
    const { failure } = entry;
    // To see that there is no release yet costs next to nothing, and the first one should be served at once.
    const isCostly = failure !== undefined && failure.error.code !== "NO_RELEASE";
    if (isCostly && this.#clock.monotonicMs() - failure.atMs < retryAfterMs) throw failure.error;
    entry.opening ??= this.#open(store, entry);
    return entry.opening;
  }

  /** Opens what can be opened; never throws. */
  async warm(): Promise<void> {
    await Promise.allSettled(this.names.map((store) => this.reader(store)));
  }

  /** Closes every reader, within their drain timeouts. */
  async close(): Promise<void> {
    this.#closing.abort(new Error("the server closes"));
    for (const entry of this.#entries.values()) {
      await entry.opening?.catch(() => undefined);
      await entry.reader?.close();
    }
  }

  async #open(store: string, entry: Entry): Promise<Reader> {
    try {
      if (this.#closing.signal.aborted) throw publicError("UNAVAILABLE", "the server closes");
      const reader = await this.#source.openReader(store, {
        warn: (message) => this.#hooks.warn(store, message),
        prime: (release) => this.#hooks.prime(store, release),
      });
      entry.reader = reader;
      entry.failure = undefined;
      entry.failures = 0;
      for (const listener of this.#listeners) listener(store, reader);
      return reader;
    } catch (cause) {
      const error = asLockkeeperError(cause);
      const told =
        error.code === "NO_RELEASE"
          ? publicError("NO_RELEASE", `store ${JSON.stringify(store)} has no release yet`, { cause })
          : error;
      entry.failures += 1;
      entry.failure = { error: told, atMs: this.#clock.monotonicMs() };
      throw told;
    } finally {
      entry.opening = undefined;
    }
  }
}
