import type { DuckDBConnection } from "@duckdb/node-api";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { QueryOptions } from "../../model/query.ts";
import type { Clock } from "../../platform/port.ts";

/** An interrupt that arrives before the engine has begun is lost, so it is repeated until the call settles. Milliseconds. */
const interruptEveryMs = 10;

/** Why a running query was stopped. `close`: its reader wants no more of it. */
export type StopReason = "abort" | "time" | "interrupt" | "close";

/**
 * Stops what one connection runs: by the caller's signal, after a time, or on demand. What is in flight is interrupted until it settles (FACTS 1.6); a stream that
 * waits for its consumer is told instead, for nothing would settle.
 */
export class Stopper {
  readonly #connection: DuckDBConnection;
  readonly #clock: Clock;
  #running = false;
  #waiting: (() => void) | undefined;
  #stopped: StopReason | undefined;
  #timeMaxMs: number | undefined;
  #stopRepeating: (() => void) | undefined;

  constructor(connection: DuckDBConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** Whether a query or a stream has begun and not ended. */
  get running(): boolean {
    return this.#running;
  }

  get stopped(): boolean {
    return this.#stopped !== undefined;
  }

  /** Begins a query or stream within its bounds; returns what ends it, when no call is in flight. */
  begin({ signal, timeMaxMs }: QueryOptions): () => void {
    this.#running = true;
    this.#timeMaxMs = timeMaxMs;
    const onAbort = (): void => this.stop("abort");
    signal?.addEventListener("abort", onAbort, { once: true });
    const stopTimer = timeMaxMs === undefined ? undefined : this.#clock.every(timeMaxMs, () => this.stop("time"));
    return () => {
      this.#running = false;
      this.#waiting = undefined;
      signal?.removeEventListener("abort", onAbort);
      stopTimer?.();
      this.#stopRepeating?.();
    };
  }

  /** Between the calls of a stream: `onStop` is called in place of an interrupt. Returns what ends the wait, before the next call. */
  wait(onStop: () => void): () => void {
    this.#waiting = onStop;
    return () => (this.#waiting = undefined);
  }

  /** Stops what runs; the first reason counts. */
  stop(reason: StopReason): void {
    if (!this.#running || this.#stopped) return;
    this.#stopped = reason;
    if (this.#waiting) return this.#waiting();
    this.interrupt();
  }

  /** Interrupts the call in flight until `begin`'s end. */
  interrupt(): void {
    this.#connection.interrupt();
    this.#stopRepeating ??= this.#clock.every(interruptEveryMs, () => this.#connection.interrupt());
  }

  /** Throws `INTERRUPTED` or `LIMIT_TIME` when it was stopped. */
  throwIfStopped(): void {
    if (this.#stopped) throw this.error();
  }

  /** What a stopped query throws. */
  error(): LockkeeperError {
    if (this.#stopped === "time") {
      return new LockkeeperError("LIMIT_TIME", `the query ran longer than ${this.#timeMaxMs} ms`, {
        hint: "Narrow the query, or raise the limit of time.",
      });
    }
    return new LockkeeperError("INTERRUPTED", sentences[this.#stopped ?? "interrupt"]);
  }
}

const sentences = {
  abort: "the query was aborted",
  interrupt: "the query was interrupted",
  close: "the stream was closed before its end",
} as const;
