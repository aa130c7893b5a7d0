import { LockkeeperError, firstLine } from "../errors/lockkeeper-error.ts";
import type { Clock } from "../platform/port.ts";
import { Generation, type GenerationParts } from "./generation.ts";
import type { OpenSqlite } from "./sqlite.ts";
import { sleep } from "./waiting.ts";

/** How long `close` waits for interrupted queries to let go before it gives up on them. */
const letGoMs = 5000;

/** What a pool is operated with. */
export interface PoolParts {
  readonly clock: Clock;
  readonly drainTimeoutMs: number;
  readonly warn: (message: string) => void;
  readonly openSqlite: OpenSqlite;
}

/** The generations a reader has open: one that serves, those that were asked for by name, those that drain, those that warm. */
export class GenerationPool {
  readonly #clock: Clock;
  readonly #drainTimeoutMs: number;
  readonly #warn: (message: string) => void;
  readonly #open = new Set<Generation>();
  readonly #openSqlite: OpenSqlite;
  #nextId = 1;

  constructor(options: PoolParts) {
    this.#clock = options.clock;
    this.#drainTimeoutMs = options.drainTimeoutMs;
    this.#warn = options.warn;
    this.#openSqlite = options.openSqlite;
  }

  /** Takes charge of a database and its pin. */
  add(parts: Omit<GenerationParts, "id" | "clock" | "openSqlite">): Generation {
    const generation = new Generation({ ...parts, id: this.#nextId++, clock: this.#clock, openSqlite: this.#openSqlite });
    this.#open.add(generation);
    return generation;
  }

  /** Lets a generation go in the background; resolves, and never rejects, once it is closed. */
  retire(generation: Generation): Promise<void> {
    return this.#finish(generation, generation.drain(this.#drainTimeoutMs));
  }

  /** Closes one that could not be warmed, before anything else is tried: it must not keep its lock. */
  async discard(generation: Generation): Promise<void> {
    await this.#finish(generation, generation.discard());
  }

  /** Oldest first. */
  list(): Generation[] {
    return [...this.#open];
  }

  /** Drains everything. Resolves within `drainTimeoutMs` and 5 s; a query that cannot be interrupted is left behind with a warning. */
  async close(): Promise<void> {
    for (const generation of this.#open) void this.retire(generation);
    const closed = Promise.all(this.list().map((generation) => generation.drain(this.#drainTimeoutMs).catch(() => {})));
    const timer = new AbortController();
    await Promise.race([closed, sleep(this.#clock, this.#drainTimeoutMs + letGoMs, { signal: timer.signal })]);
    timer.abort();
    for (const { target } of this.#open)
      this.#warn(`release ${target.release} is still open: a query does not let itself be interrupted`);
  }

  async #finish(generation: Generation, closing: Promise<void>): Promise<void> {
    try {
      await closing;
    } catch (error) {
      this.#warn(`release ${generation.target.release} did not close cleanly: ${firstLine(error)}`);
    }
    this.#open.delete(generation);
  }
}

/** The error of a reader that was used after `close()`. */
export function readerClosed(): LockkeeperError {
  return new LockkeeperError("READER_CLOSED", "the reader is closed", {
    hint: "Open a new reader, or close it after the last request.",
  });
}
