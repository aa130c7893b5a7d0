/** A column of a result; `type` is the engine's own name, for example `DECIMAL(18,3)`. */
export interface QueryColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * Values as they come back. `json` (default): ready for `JSON.stringify`; BIGINT, HUGEINT, DECIMAL, dates and times are
 * strings, so that nothing is rounded. `js`: bigint, Date, Buffer and the like, as the driver converts them. `exact`: as `json`, but every value can be read back and
 * depends on no time zone; what the formats take, and docs/formats.md lists. `numbers`: as `exact`, but numbers that JavaScript's cannot hold are `ExactNumber`, and
 * NaN and the infinities, which JSON has not, are NULL.
 */
export type ValueForm = "json" | "js" | "exact" | "numbers";

/** A number that JavaScript's numbers might round, by its digits: `9007199254740993`, `-0.50`. */
export class ExactNumber {
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }
}

/** A whole result: never a part of one. */
export interface QueryRows {
  readonly columns: readonly QueryColumn[];
  readonly rows: readonly (readonly unknown[])[];
  /** Rows as objects by column name; a second column of a name becomes `name:1`. Made on each call. */
  objects(): Record<string, unknown>[];
}

/** Parameters of a statement: by position (`$1`, `?`) or by name (`$name`). */
export type QueryParameters = readonly unknown[] | Readonly<Record<string, unknown>>;

/** Bounds of one query. */
export interface QueryOptions {
  /** Aborting interrupts the query; it throws `INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
  /** More rows throw `LIMIT_ROWS`; nothing is cut off in silence. */
  readonly rowsMax?: number | undefined;
  /** A longer run is interrupted and throws `LIMIT_TIME`. Milliseconds. */
  readonly timeMaxMs?: number | undefined;
  /** More bytes of converted values, by a rough count, throw `LIMIT_BYTES`. For results that are held whole, and not for those that are streamed. */
  readonly bytesMax?: number | undefined;
  readonly values?: ValueForm | undefined;
}

/** A result as it is made: it either ends with all its rows or throws. To be read once. */
export interface RowStream {
  readonly columns: readonly QueryColumn[];
  /**
   * Batches of at most 2048 rows, made when they are asked for. Throws `QUERY_FAILED`, `LIMIT_ROWS`, `LIMIT_TIME` (the time counts from the beginning to the end, the
   * consumer's included), `INTERRUPTED`; once it has thrown it throws the same again. Leaving the loop closes the stream.
   */
  [Symbol.asyncIterator](): AsyncIterator<readonly (readonly unknown[])[], undefined>;
  /** Interrupts what is unread and resolves once it has let go; whoever still reads gets `INTERRUPTED`. May be called twice. */
  close(): Promise<void>;
}

/** A stream as an engine gives it. */
export interface EngineStream extends RowStream {
  /** Resolves, and never rejects, once nothing of it runs and it needs the database no more, also where nobody reads on. */
  readonly ended: Promise<void>;
}

/** Bounds of an export; values have the form of the file. */
export interface ExportOptions extends Omit<QueryOptions, "values" | "bytesMax"> {
  /** Of the caller's own: the file gets a random name in it, and the rights that the process gives to new files. */
  readonly folder: string;
}

/** A file that holds a whole result. Whoever asked for it removes it. */
export interface ExportedFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
}
