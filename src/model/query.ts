/** A column of a result; `type` is the engine's own name, for example `DECIMAL(18,3)`. */
export interface QueryColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * Values as they come back. `json` (default): ready for `JSON.stringify`; BIGINT, HUGEINT, DECIMAL, dates and times are
 * strings, so that nothing is rounded. `js`: bigint, Date, Buffer and the like, as the driver converts them.
 */
export type ValueForm = "json" | "js";

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
  readonly values?: ValueForm | undefined;
}
