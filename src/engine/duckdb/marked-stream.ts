import type { DuckDBDataChunk, DuckDBResult } from "@duckdb/node-api";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { EngineStream, QueryColumn } from "../../model/query.ts";
import { engineError } from "./errors.ts";
import type { Convert } from "./exact-value.ts";
import { columnsOf, readChunk, tooManyRows } from "./result.ts";
import { quoteIdentifier } from "./sql-text.ts";
import type { Stopper } from "./stopper.ts";

type Batch = readonly (readonly unknown[])[];

/** The column that is true in the end marker and NULL in every row. A statement that has one of this name is not streamed. */
const markColumn = quoteIdentifier("lockkeeper end of rows");
const done = { done: true, value: undefined } as const;

/**
 * A statement that ends with a marker row: a streaming result that fails looks like one that has ended (FACTS 1.7). The engine keeps the order of a UNION ALL's
 * parts; by name, the marker need not know the other columns, which are NULL there.
 */
export function marked(body: string): string {
  return `SELECT *, NULL::BOOLEAN AS ${markColumn} FROM (\n${body}\n) UNION ALL BY NAME SELECT true AS ${markColumn}`;
}

/** A streaming result that is to end with a marker. */
export interface MarkedSource {
  readonly result: DuckDBResult;
  /** Column names to use in place of the result's own. */
  readonly names: readonly string[] | undefined;
  /** Of its columns; not of the marker's. */
  readonly converters: readonly Convert[];
  /** Why it ended early; `undefined` where that cannot be told. */
  whyItFailed(): Promise<LockkeeperError | undefined>;
}

interface StreamParts extends MarkedSource {
  readonly stopper: Stopper;
  readonly rowsMax: number | undefined;
  /** Gives the session back; called once, when no call is in flight. */
  leave(whole: boolean): Promise<void>;
}

/** Reads a marked streaming result, chunk by chunk, when it is asked to. */
export class MarkedStream implements EngineStream {
  readonly columns: readonly QueryColumn[];
  readonly ended: Promise<void>;
  readonly #parts: StreamParts;
  readonly #converters: readonly Convert[];
  readonly #iterator: AsyncIterator<Batch, undefined>;
  #resolveEnded: () => void = () => {};
  /** The calls of `next`, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #stopWaiting: () => void;
  #rows = 0;
  #over = false;
  #left = false;
  #failure: LockkeeperError | undefined;

  constructor(parts: StreamParts) {
    this.#parts = parts;
    const count = parts.result.columnCount - 1;
    this.columns = columnsOf(parts.result, { names: parts.names, count });
    this.#converters = parts.converters;
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    this.#stopWaiting = this.#wait();
    this.#iterator = { next: () => this.#next(), return: () => this.#return() };
  }

  [Symbol.asyncIterator](): AsyncIterator<Batch, undefined> {
    return this.#iterator;
  }

  close(): Promise<void> {
    if (!this.#over) this.#parts.stopper.stop("close");
    return this.ended;
  }

  #next(): Promise<IteratorResult<Batch, undefined>> {
    const turn = this.#turn.then(() => this.#take());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #return(): Promise<IteratorResult<Batch, undefined>> {
    this.#left = true;
    await this.close();
    return done;
  }

  async #take(): Promise<IteratorResult<Batch, undefined>> {
    if (this.#left) return done;
    if (this.#failure) throw this.#failure;
    if (this.#over) return done;
    this.#stopWaiting();
    try {
      const { rows, isLast } = await this.#read();
      if (isLast) await this.#finish(true);
      else this.#stopWaiting = this.#wait();
      return rows.length === 0 ? done : { done: false, value: rows };
    } catch (error) {
      const failure = this.#parts.stopper.stopped ? this.#parts.stopper.error() : engineError(error);
      await this.#fail(failure);
      throw failure;
    }
  }

  /** The next rows. The last ones may be none; what the engine says after them is known, too. */
  async #read(): Promise<{ readonly rows: unknown[][]; readonly isLast: boolean }> {
    const { rowsMax } = this.#parts;
    const chunk = await this.#fetch();
    if (chunk === undefined) throw await this.#truncated();
    const rows = readChunk(chunk, this.#converters);
    const isLast = chunk.getColumnVector(this.columns.length).getItem(rows.length - 1) === true;
    if (isLast) rows.pop();
    this.#rows += rows.length;
    if (rowsMax !== undefined && this.#rows > rowsMax) throw tooManyRows(rowsMax);
    if (isLast && (await this.#fetch()) !== undefined) throw new LockkeeperError("BUG", "rows follow the end marker of a stream");
    return { rows, isLast };
  }

  async #fetch(): Promise<DuckDBDataChunk | undefined> {
    const { result, stopper } = this.#parts;
    stopper.throwIfStopped();
    const chunk = await result.fetchChunk();
    stopper.throwIfStopped();
    return chunk === null || chunk.rowCount === 0 ? undefined : chunk;
  }

  async #truncated(): Promise<LockkeeperError> {
    const why = await this.#parts.whyItFailed();
    if (why) return why;
    return new LockkeeperError("QUERY_FAILED", `the result broke off after ${this.#rows} rows`, {
      hint: "Ask again; the engine does not say what happened.",
    });
  }

  /** While the consumer is at work no call is in flight that an interrupt would end. */
  #wait(): () => void {
    return this.#parts.stopper.wait(() => void this.#fail(this.#parts.stopper.error()));
  }

  async #fail(error: LockkeeperError): Promise<void> {
    this.#failure ??= error;
    await this.#finish(false);
  }

  async #finish(whole: boolean): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    await this.#parts.leave(whole);
    this.#resolveEnded();
  }
}
