import { didYouMean } from "../model/nearest.ts";
import type { NamedQuery } from "../model/named-query.ts";
import { publicError } from "./problem.ts";

/** What gives a store's named queries. */
export interface QuerySource {
  namedQueries(store: string): Promise<readonly NamedQuery[]>;
}

/** The named queries of the stores, read once: they change with a restart, as the configuration does. */
export class NamedQueries {
  readonly #source: QuerySource;
  readonly #known = new Map<string, Promise<readonly NamedQuery[]>>();

  constructor(source: QuerySource) {
    this.#source = source;
  }

  /** By name. Throws `CONFIG_INVALID` where a file cannot be used; the next call reads them again. */
  async list(store: string): Promise<readonly NamedQuery[]> {
    const known = this.#known.get(store);
    if (known) return known;
    const read = this.#source.namedQueries(store);
    this.#known.set(store, read);
    read.catch(() => this.#known.delete(store));
    return read;
  }

  /** Throws `QUERY_UNKNOWN`, `CONFIG_INVALID`. */
  async find(store: string, name: string): Promise<NamedQuery> {
    const queries = await this.list(store);
    const found = queries.find((query) => query.name === name);
    if (found) return found;
    const names = queries.map((query) => query.name);
    throw publicError("QUERY_UNKNOWN", `there is no query ${JSON.stringify(name)}${didYouMean(name, names)}`, {
      hint:
        names.length > 0 ? "The address ending in /queries lists them." : "The store's `queries` in lockkeeper.toml names none.",
    });
  }
}
