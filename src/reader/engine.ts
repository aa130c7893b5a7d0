import type { ParquetSource } from "../model/artifact.ts";
import type { EngineStream, ExportedFile, ExportOptions, QueryOptions, QueryParameters, QueryRows } from "../model/query.ts";

/** How a database file is opened for reading. */
export interface OpenRequest {
  /** The DuckDB file; of a release without one its record, by which the engine knows it. */
  readonly path: string;
  /** Catalogue names it is attached under, read-only; the first one's schema `main` is searched first. Empty where there is no DuckDB file. */
  readonly names: readonly string[];
  /** Tables of Parquet files, shown in the catalogue `memory`; its schemas are searched, too. */
  readonly parquet?: readonly ParquetSource[] | undefined;
  /** Queries at a time; more wait in order. */
  readonly concurrency: number;
  /** Engine settings, for example `{ memory_limit: "2GB", threads: "4" }`. */
  readonly settings: Readonly<Record<string, string>>;
}

/** An open database. Every instance on one inode in this process is closed by the engine's registry alone. */
export interface OpenDatabase {
  /** Device and inode of the file that was opened. */
  readonly file: { readonly device: bigint; readonly inode: bigint };
  /** Queries running or waiting now. */
  readonly inFlight: number;
  /** Throws `QUERY_REFUSED`, `QUERY_FAILED`, `BIND_FAILED`, `LIMIT_ROWS`, `LIMIT_TIME`, `LIMIT_BYTES`, `INTERRUPTED`. */
  query(sql: string, parameters: QueryParameters | undefined, options: QueryOptions): Promise<QueryRows>;
  /**
   * Begins a statement whose rows are made as they are read; it counts as a query in flight until it has `ended`. Throws what `query` throws; of the bounds in
   * `options` those that can be passed later only are thrown by the stream. A statement that cannot be streamed (EXPLAIN, PRAGMA, column names that are known only
   * with the values of its parameters) is run to its end first.
   */
  stream(sql: string, parameters: QueryParameters | undefined, options: QueryOptions): Promise<EngineStream>;
  /**
   * Writes a statement's result to a new Parquet file in `options.folder`; its name is random, and nothing of it stays where it fails. The statement is judged as `query` does,
   * and its parameters are bound. Throws what `query` throws, `QUERY_REFUSED` for EXPLAIN and PRAGMA, `DISK_FULL`, `PERMISSION_DENIED`.
   */
  exportParquet(sql: string, parameters: QueryParameters | undefined, options: ExportOptions): Promise<ExportedFile>;
  /** Interrupts what runs now; those queries and streams throw `INTERRUPTED`. */
  interrupt(): void;
  /** Lets go of the file: interrupts and awaits what runs, then closes. Safe to call twice. */
  close(): Promise<void>;
}

/** What the reader needs of an engine. */
export interface ReaderEngine {
  /**
   * Throws `FILE_LOCKED` with the holder, `FILE_MISSING`, `DATABASE_CORRUPT`, also for a Parquet table that does not bind, `STORAGE_UNSUPPORTED`, `PERMISSION_DENIED`.
   */
  open(request: OpenRequest): Promise<OpenDatabase>;
  /** Looks at the first and the last bytes of Parquet files. Throws `FILE_MISSING`, `BUILD_UNFINISHED` for a file without an end, `DATABASE_CORRUPT` for what is no Parquet file. */
  assertParquetEnds(paths: readonly string[]): Promise<void>;
  /** Digests files in a child process: opening them here would drop this process's own locks on them (FACTS 1.3). Throws `INTERRUPTED`, `IO_FAILED`. */
  digest(paths: readonly string[], signal?: AbortSignal): Promise<readonly { readonly bytes: number; readonly sha256: string }[]>;
  /** Makes the next `open` cheaper by keeping an empty instance ready; best effort. */
  prepareSpare(settings: OpenRequest["settings"]): Promise<void>;
  /** Lets the spare go. */
  dropSpare(): void;
}
