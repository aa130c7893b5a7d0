import { queryOf, rowsQueryOf } from "./address.ts";
import { follow, type FollowedEvent, type FollowOptions } from "./follow.ts";
import type { ClientOptions } from "./options.ts";
import { Requests } from "./requests.ts";
import type { DiffResult } from "../model/diff.ts";
import type {
  CallOptions,
  DataFreshness,
  FilterValue,
  FromRelease,
  NamedQuery,
  ObjectRows,
  QueryOptions,
  Release,
  Releases,
  RollbackOrder,
  RollbackResult,
  RowsOptions,
  RowValues,
  StoreSummary,
  Table,
  Tables,
} from "./types.ts";

/** Asks a server, from a browser or from Node. Every method throws `LockkeeperHttpError` for an answer that is an error, the signal's reason, and what `fetch` throws. */
export interface Client {
  /** The stores that the token may read. */
  stores(options?: CallOptions): Promise<StoreSummary[]>;
  /** How fresh the data of the server's default store is. */
  freshness(options?: CallOptions): Promise<DataFreshness>;
  /** One store. Asks nothing yet. */
  store(id: string): StoreClient;
}

interface Objects {
  readonly shape: "objects";
}

interface Arrays {
  readonly shape?: "rows" | undefined;
}

/** Parameters of a named query; a list is an array. */
export type QueryParameters = Readonly<Record<string, FilterValue | readonly FilterValue[] | undefined>>;

/** Asks about one store. Answers are never older than one that came before, unless they name their release. */
export interface StoreClient {
  /** What is active in it. */
  status(options?: CallOptions): Promise<StoreSummary>;
  /** Every release, newest first, then what is in quarantine. */
  releases(options?: CallOptions): Promise<Releases>;
  /** One release's record. */
  release(release: string, options?: CallOptions): Promise<Release>;
  /** What differs between two releases; default: the active one and the one before. May take its time: give it `timeoutMs`. */
  diff(options?: { readonly from?: string | undefined; readonly to?: string | undefined } & CallOptions): Promise<DiffResult>;
  tables(options?: FromRelease): Promise<Tables>;
  /** A table's columns. */
  table(table: string, options?: FromRelease): Promise<Table>;
  /** One page of rows; `next` of it is `page` of the following one. */
  rows(table: string, options: RowsOptions & Objects): Promise<ObjectRows>;
  rows(table: string, options?: RowsOptions & Arrays): Promise<RowValues>;
  /** Page after page, all from the release that the first one came from; 410 `PAGE_GONE` is thrown when that is removed meanwhile. */
  allRows(table: string, options: RowsOptions & Objects): AsyncGenerator<ObjectRows, void, undefined>;
  allRows(table: string, options?: RowsOptions & Arrays): AsyncGenerator<RowValues, void, undefined>;
  /** The named queries. */
  queries(options?: CallOptions): Promise<NamedQuery[]>;
  /** The result of a named query, whole. */
  query(name: string, parameters: QueryParameters, options: QueryOptions & Objects): Promise<ObjectRows>;
  query(name: string, parameters?: QueryParameters, options?: QueryOptions & Arrays): Promise<RowValues>;
  /** Makes an older release active again. Sent once: whoever sends it again gives an `idempotencyKey`. */
  rollback(order: RollbackOrder): Promise<RollbackResult>;
  /** What happens in the store, each event once and in order, over any break of the connection. Leaving the loop ends it. */
  follow(options?: FollowOptions): AsyncGenerator<FollowedEvent, void, undefined>;
}

/** A client of a server. Asks nothing yet. Throws `TypeError` for an `url` that is none. */
export function createClient(options: ClientOptions): Client {
  const requests = new Requests(options);
  return {
    stores: async (call) => (await requests.get<{ stores: StoreSummary[] }>({ path: "/v1/stores" }, call)).stores,
    freshness: (call) => requests.get({ path: "/api/data-freshness" }, call),
    store: (id) => new HttpStore(requests, id),
  };
}

class HttpStore implements StoreClient {
  readonly #requests: Requests;
  readonly #store: string;
  readonly #path: string;

  constructor(requests: Requests, store: string) {
    this.#requests = requests;
    this.#store = store;
    this.#path = `/v1/stores/${encodeURIComponent(store)}`;
  }

  status(options?: CallOptions): Promise<StoreSummary> {
    return this.#get("", {}, options);
  }

  releases(options?: CallOptions): Promise<Releases> {
    return this.#get("/releases", {}, options);
  }

  release(release: string, options?: CallOptions): Promise<Release> {
    return this.#get(`/releases/${encodeURIComponent(release)}`, {}, options);
  }

  diff({ from, to, ...call }: Parameters<StoreClient["diff"]>[0] = {}): Promise<DiffResult> {
    return this.#get("/diff", { query: queryOf({ from, to }) }, call);
  }

  tables({ release, ...call }: FromRelease = {}): Promise<Tables> {
    return this.#get("/tables", { query: queryOf({ release }), pinned: release !== undefined }, call);
  }

  table(table: string, { release, ...call }: FromRelease = {}): Promise<Table> {
    const path = `/tables/${encodeURIComponent(table)}`;
    return this.#get(path, { query: queryOf({ release }), pinned: release !== undefined }, call);
  }

  rows<Rows extends RowValues & ObjectRows>(table: string, options: RowsOptions = {}): Promise<Rows> {
    const pinned = options.release !== undefined || options.page !== undefined;
    return this.#get(`/tables/${encodeURIComponent(table)}/rows`, { query: rowsQueryOf(options), pinned }, options);
  }

  async *allRows<Rows extends RowValues & ObjectRows>(
    table: string,
    options: RowsOptions = {},
  ): AsyncGenerator<Rows, void, undefined> {
    let { page } = options;
    do {
      const rows = await this.rows<Rows>(table, { ...options, page });
      yield rows;
      page = rows.next;
    } while (page !== undefined);
  }

  async queries(options?: CallOptions): Promise<NamedQuery[]> {
    return (await this.#get<{ queries: NamedQuery[] }>("/queries", {}, options)).queries;
  }

  query<Rows extends RowValues & ObjectRows>(
    name: string,
    parameters: QueryParameters = {},
    { shape, release, ...call }: QueryOptions = {},
  ): Promise<Rows> {
    const query = queryOf({ ...parameters, shape, release });
    return this.#get(`/queries/${encodeURIComponent(name)}`, { query, pinned: release !== undefined }, call);
  }

  rollback({ to, steps, reason, ifVersion, idempotencyKey, ...call }: RollbackOrder): Promise<RollbackResult> {
    const headers = { "If-Match": `"${ifVersion}"`, "Idempotency-Key": idempotencyKey ?? globalThis.crypto.randomUUID() };
    const asked = { path: `${this.#path}/rollback`, store: this.#store };
    return this.#requests.post(asked, { body: { to, steps, reason }, headers }, call);
  }

  follow(options?: FollowOptions): AsyncGenerator<FollowedEvent, void, undefined> {
    return follow(this.#requests, this.#store, options);
  }

  #get<Answer>(
    path: string,
    asked: { readonly query?: URLSearchParams; readonly pinned?: boolean },
    options: CallOptions | undefined,
  ): Promise<Answer> {
    return this.#requests.get({ ...asked, path: `${this.#path}${path}`, store: this.#store }, options);
  }
}
