/** A statement of a `SqliteDatabase`. */
export interface SqliteStatement {
  all(...parameters: unknown[]): unknown[];
  get(...parameters: unknown[]): unknown;
  iterate(...parameters: unknown[]): IterableIterator<unknown>;
}

/**
 * A SQLite file of a release, open read-only. It is a `Database` of the package `better-sqlite3`, whose own types tell all that it has; what is declared here is what
 * every version of it has.
 */
export interface SqliteDatabase {
  readonly open: boolean;
  prepare(sql: string): SqliteStatement;
  pragma(source: string, options?: { readonly simple?: boolean }): unknown;
  close(): unknown;
}
