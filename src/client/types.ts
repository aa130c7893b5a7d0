import type { z } from "zod";
import type {
  dataFreshnessAnswer,
  queriesAnswer,
  rollbackAnswer,
  rowsAnswer,
  storesAnswer,
  tableAnswer,
  tablesAnswer,
} from "../model/http.ts";
import type { ReleaseResult, ReleasesResult } from "../model/results.ts";

/** What every call takes. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Instead of the client's. Milliseconds. */
  readonly timeoutMs?: number | undefined;
}

/** Which release is asked: this one instead of the active one. */
export interface FromRelease extends CallOptions {
  readonly release?: string | undefined;
}

/** A value as it goes into an address. A time is sent in UTC. */
export type FilterValue = string | number | bigint | boolean | Date;

/** What must hold of a column. `is` is `null` or `not_null`. */
export interface Filter {
  readonly eq?: FilterValue | undefined;
  readonly ne?: FilterValue | undefined;
  readonly lt?: FilterValue | undefined;
  readonly le?: FilterValue | undefined;
  readonly gt?: FilterValue | undefined;
  readonly ge?: FilterValue | undefined;
  readonly in?: readonly FilterValue[] | undefined;
  readonly like?: string | undefined;
  readonly is?: "null" | "not_null" | undefined;
}

/** Which rows of a table. */
export interface RowsOptions extends FromRelease {
  /** Columns; default: all. */
  readonly select?: readonly string[] | undefined;
  /** Columns to sort by; `-` before a name is descending. */
  readonly sort?: readonly string[] | undefined;
  /** By column. A value that is no filter stands for `eq`. */
  readonly where?: Readonly<Record<string, Filter | FilterValue>> | undefined;
  /** Rows of a page: 1,000 by default, 10,000 at most. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly page?: string | undefined;
  /** Rows as arrays in the order of `columns`, or as objects by column name. Default `rows`. */
  readonly shape?: "rows" | "objects" | undefined;
}

/** How a named query answers. */
export interface QueryOptions extends FromRelease {
  readonly shape?: "rows" | "objects" | undefined;
}

type Rows = z.infer<typeof rowsAnswer>;

/** Rows as arrays. `next` is the token of the next page, where there is one. */
export type RowValues = Omit<Rows, "rows"> & { rows: unknown[][] };

/** Rows as objects. */
export type ObjectRows = Omit<Rows, "rows"> & { rows: Record<string, unknown>[] };

/** How fresh the data of the default store is. */
export type DataFreshness = z.infer<typeof dataFreshnessAnswer>;

/** A store, with what is active in it. */
export type StoreSummary = z.infer<typeof storesAnswer>["stores"][number];

/** The tables of a release. */
export type Tables = z.infer<typeof tablesAnswer>;

/** What a table looks like. */
export type Table = z.infer<typeof tableAnswer>;

/** A named query. */
export type NamedQuery = z.infer<typeof queriesAnswer>["queries"][number];

/** What is kept of a store. */
export type Releases = ReleasesResult;

/** A release's record, without its build's command and files. */
export type Release = Omit<ReleaseResult, "builder"> & {
  builder: Pick<ReleaseResult["builder"], "kind" | "exit" | "durationMs">;
};

/** A rollback: to a release, or so many steps; by default one step. */
export interface RollbackOrder extends CallOptions {
  readonly to?: string | undefined;
  readonly steps?: number | undefined;
  /** Why; kept in the history. */
  readonly reason: string;
  /** The version to go back from: if another one is active by then, it is refused with `VERSION_CHANGED`. */
  readonly ifVersion: number;
  /** For a rollback that is sent again: what was done under the same key is answered, not done again. Default: a new one each time. */
  readonly idempotencyKey?: string | undefined;
}

/** What a rollback came to. */
export type RollbackResult = z.infer<typeof rollbackAnswer>;
