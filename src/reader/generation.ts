import { LockkeeperError, isLockkeeperError } from "../errors/lockkeeper-error.ts";
import type { EngineStream, ExportedFile, ExportOptions, QueryOptions, QueryParameters, QueryRows } from "../model/query.ts";
import type { SqliteDatabase } from "../model/sqlite.ts";
import type { Clock } from "../platform/port.ts";
import type { OpenDatabase } from "./engine.ts";
import type { ReleaseTarget } from "./locate.ts";
import type { Pin } from "./pin.ts";
import { SqliteHandles, type OpenSqlite } from "./sqlite.ts";
import { withErrors } from "./stream.ts";
import { sleep } from "./waiting.ts";

/** The life of a generation. `kept`: it serves requests that named its release. `failed`: it never served. */
export type GenerationState = "warming" | "active" | "kept" | "draining" | "retired" | "failed";

/** What a generation is made of. */
export interface GenerationParts {
  /** Unique in the reader, rising. */
  readonly id: number;
  readonly target: ReleaseTarget;
  readonly database: OpenDatabase;
  readonly pin: Pin | undefined;
  readonly clock: Clock;
  readonly openSqlite: OpenSqlite;
}

/** A claim on a generation: it stays open until `end`, which may be called twice. */
export interface Hold {
  readonly generation: Generation;
  end(): void;
}

/** A release as this process has it open. Requests hold it to their end; once replaced it drains and closes. */
export class Generation {
  readonly id: number;
  readonly target: ReleaseTarget;
  readonly pinned: boolean;
  readonly #database: OpenDatabase;
  readonly #pin: Pin | undefined;
  readonly #clock: Clock;
  readonly #sqlite: SqliteHandles;
  readonly #idle = new Set<() => void>();
  #state: GenerationState = "warming";
  #holds = 0;
  /** What is left to do when the last hold ends after the generation was closed. */
  #atLast: (() => void) | undefined;
  #drainingSince: Date | undefined;
  #closing: Promise<void> | undefined;
  #interruptedAfterMs: number | undefined;

  constructor(parts: GenerationParts) {
    this.id = parts.id;
    this.target = parts.target;
    this.pinned = parts.pin !== undefined;
    this.#database = parts.database;
    this.#pin = parts.pin;
    this.#clock = parts.clock;
    this.#sqlite = new SqliteHandles(parts.target.release, parts.target.sqlite, parts.openSqlite);
  }

  get state(): GenerationState {
    return this.#state;
  }

  /** Requests that hold it, and their queries. */
  get inFlight(): number {
    return this.#holds;
  }

  get drainingSince(): Date | undefined {
    return this.#drainingSince;
  }

  /** From warming to active, or to kept; false when it was closed meanwhile. */
  activate(as: "active" | "kept" = "active"): boolean {
    if (this.#state !== "warming") return false;
    this.#state = as;
    return true;
  }

  hold(): Hold {
    this.#holds += 1;
    let held = true;
    const end = (): void => {
      if (!held) return;
      held = false;
      this.#holds -= 1;
      if (this.#holds > 0) return;
      for (const listener of this.#idle) listener();
      this.#atLast?.();
    };
    return { generation: this, end };
  }

  /** Calls `listener` whenever the last hold ends; returns what stops it. */
  onIdle(listener: () => void): () => void {
    this.#idle.add(listener);
    return () => this.#idle.delete(listener);
  }

  /**
   * A query, holding the generation until it has settled, also where its caller did not wait for it. Throws what `OpenDatabase.query` throws;
   * `INTERRUPTED` when the generation was drained for too long.
   */
  query(sql: string, parameters: QueryParameters | undefined, options: QueryOptions): Promise<QueryRows> {
    return this.#holding(options, () => this.#database.query(sql, parameters, options));
  }

  /** A result in a file, likewise. Throws what `OpenDatabase.exportParquet` throws. */
  exportParquet(sql: string, parameters: QueryParameters | undefined, options: ExportOptions): Promise<ExportedFile> {
    return this.#holding(options, () => this.#database.exportParquet(sql, parameters, options));
  }

  /** A stream, holding the generation until it has ended. Throws what `query` throws, now or while it is read. */
  async stream(sql: string, parameters: QueryParameters | undefined, options: QueryOptions): Promise<EngineStream> {
    if (this.#wasInterrupted()) throw this.#replaced();
    const hold = this.hold();
    try {
      const stream = await this.#database.stream(sql, parameters, options);
      void stream.ended.then(() => hold.end());
      return withErrors(stream, (error) => this.#told(error, options));
    } catch (error) {
      hold.end();
      throw this.#told(error, options);
    }
  }

  /**
   * A SQLite file of the release, shared by all who hold the generation; it is closed once nobody does, never before. Throws what `SqliteHandles.get` throws;
   * `INTERRUPTED` when the generation was drained for too long.
   */
  sqlite(name: string): Promise<SqliteDatabase> {
    return this.#holding({}, () => this.#sqlite.get(name));
  }

  /** Closes it once nobody holds it, or interrupts its queries after `timeoutMs` and closes then. Later calls join the first. */
  drain(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#drain(timeoutMs);
    return this.#closing;
  }

  /** Closes a generation that never served. */
  discard(): Promise<void> {
    this.#closing ??= this.#close("failed");
    return this.#closing;
  }

  async #drain(timeoutMs: number): Promise<void> {
    this.#state = "draining";
    this.#drainingSince = this.#clock.now();
    // Closing occupies this thread for some milliseconds: the requests that waited for the new release start theirs before.
    await sleep(this.#clock, 0, { idle: true });
    if (this.#holds > 0 && timeoutMs > 0) await this.#untilIdle(timeoutMs);
    if (this.#holds > 0) {
      this.#interruptedAfterMs = timeoutMs;
      this.#database.interrupt();
    }
    await this.#close("retired");
  }

  async #untilIdle(timeoutMs: number): Promise<void> {
    const timer = new AbortController();
    const idle = new Promise<void>((resolve) => this.onIdle(resolve));
    await Promise.race([idle, sleep(this.#clock, timeoutMs, { signal: timer.signal, idle: true })]);
    timer.abort();
  }

  async #close(end: "retired" | "failed"): Promise<void> {
    try {
      await this.#database.close();
    } finally {
      try {
        await this.#letSqliteGo();
      } finally {
        await this.#pin?.release();
      }
    }
    this.#state = end;
    this.#idle.clear();
  }

  /** What a borrower does with a SQLite file cannot be interrupted: it stays open under one that was drained for too long, until that returns. */
  async #letSqliteGo(): Promise<void> {
    if (this.#holds === 0) return this.#sqlite.close();
    // Nobody waits for that any more: what does not close is let go with the process.
    this.#atLast = () => void this.#sqlite.close().catch(() => undefined);
  }

  async #holding<T>(options: Pick<QueryOptions, "signal">, action: () => Promise<T>): Promise<T> {
    if (this.#wasInterrupted()) throw this.#replaced();
    const hold = this.hold();
    try {
      return await action();
    } catch (error) {
      throw this.#told(error, options);
    } finally {
      hold.end();
    }
  }

  /** An interrupt that comes of the drain, and not of the caller, says so. */
  #told(error: unknown, { signal }: Pick<QueryOptions, "signal">): unknown {
    const ours = this.#wasInterrupted() && signal?.aborted !== true && isLockkeeperError(error, "INTERRUPTED");
    return ours ? this.#replaced(error) : error;
  }

  #wasInterrupted(): boolean {
    return this.#interruptedAfterMs !== undefined;
  }

  #replaced(cause?: unknown): LockkeeperError {
    const message = `release ${this.target.release} was replaced, and its requests had ${this.#interruptedAfterMs} ms to finish`;
    return new LockkeeperError("INTERRUPTED", message, {
      hint: "Ask again: the answer comes from the new release. Long queries need a longer drainTimeoutMs.",
      subject: this.target.release,
      cause,
    });
  }
}
