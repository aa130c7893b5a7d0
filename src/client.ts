export { createClient } from "./client/client.ts";
export { LockkeeperHttpError } from "./client/http-error.ts";
export type { ClientOptions } from "./client/options.ts";
export type { Client, QueryParameters, StoreClient } from "./client/client.ts";
export type { FollowedEvent, FollowOptions, StoreNotice } from "./client/follow.ts";
export type {
  CallOptions,
  DataFreshness,
  Filter,
  FilterValue,
  FromRelease,
  NamedQuery,
  ObjectRows,
  QueryOptions,
  Releases,
  Release,
  RollbackOrder,
  RollbackResult,
  RowsOptions,
  RowValues,
  StoreSummary,
  Table,
  Tables,
} from "./client/types.ts";
export type { DiffResult } from "./model/diff.ts";
