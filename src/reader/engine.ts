import type { QueryOptions, QueryParameters, QueryRows } from "../model/query.ts";

/** How a database file is opened for reading. */
export interface OpenRequest {
  readonly path: string;
  /** Catalogue names it is attached under, read-only; the search path is the first one's schema `main`. */
  readonly names: readonly [string, ...string[]];
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
  /** Throws `QUERY_REFUSED`, `QUERY_FAILED`, `BIND_FAILED`, `LIMIT_ROWS`, `LIMIT_TIME`, `INTERRUPTED`. */
  query(sql: string, parameters: QueryParameters | undefined, options: QueryOptions): Promise<QueryRows>;
  /** Interrupts what runs now; those queries throw `INTERRUPTED`. */
  interrupt(): void;
  /** Lets go of the file: interrupts and awaits what runs, then closes. Safe to call twice. */
  close(): Promise<void>;
}

/** What the reader needs of an engine. */
export interface ReaderEngine {
  /**
   * Throws `FILE_LOCKED` with the holder, `FILE_MISSING`, `DATABASE_CORRUPT`, `STORAGE_UNSUPPORTED`, `PERMISSION_DENIED`.
   */
  open(request: OpenRequest): Promise<OpenDatabase>;
  /** Makes the next `open` cheaper by keeping an empty instance ready; best effort. */
  prepareSpare(settings: OpenRequest["settings"]): Promise<void>;
  /** Lets the spare go. */
  dropSpare(): void;
}
