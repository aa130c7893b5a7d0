import { definitionsOf, type DatasetDefinition } from "../../model/dataset.ts";
import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { ReleaseIdentity } from "../../reader/reader.ts";
import type { Workspace } from "../../workspace/api.ts";
import type { ServedRelease } from "../answer.ts";
import { publicError } from "../problem.ts";
import type { ServedStores } from "../stores.ts";
import type { Catalogues, ServedTable, TableColumn } from "../tables/catalogue.ts";

/** A dataset in a release. */
export interface ServedDataset {
  readonly definition: DatasetDefinition;
  /** `undefined` where the release does not have it. */
  readonly table: ServedTable | undefined;
  /** The column that binds every query to its caller's rows; `undefined` where the dataset is for everybody. */
  readonly scope: { readonly name: string; readonly column: TableColumn | undefined } | undefined;
}

/** The datasets of a release, and what its scopes close to everything but dataset queries. */
export interface ReleaseDatasets {
  /** By id. */
  readonly datasets: ReadonlyMap<string, ServedDataset>;
  /** Whether any dataset has a scope: then no view is read but as a dataset, for it may read any table. */
  readonly isScoped: boolean;
  readonly tables: readonly ServedTable[];
  /** Whether rows of a table may be had beside the dataset API only with a token that sees all of them. */
  readonly isClosed: (table: ServedTable) => boolean;
}

/** Whose datasets are asked for. */
export interface Asked {
  readonly store: string;
  /** The release that the request names, in place of what is active. */
  readonly named: string | undefined;
}

/** Releases whose datasets are remembered. */
const remembered = 32;

/** What datasets are found with. */
export interface DatasetTools {
  readonly workspace: Pick<Workspace, "configuredDatasets" | "recordedDatasets" | "status">;
  readonly stores: Pick<ServedStores, "peek" | "reader">;
  readonly catalogues: Catalogues;
}

/**
 * The datasets of the stores' releases. A release was made with some, the configuration has some, and what is active now may have others: a scope that any of them names binds, so that
 * no older release shows rows that are closed today.
 */
export class Datasets {
  readonly #tools: DatasetTools;
  readonly #known = new Map<string, ReleaseDatasets>();

  constructor(tools: DatasetTools) {
    this.#tools = tools;
  }

  /** What is remembered of a release; `undefined`: ask `of`. */
  known({ store, named }: Asked, { uid }: Pick<ReleaseIdentity<number | undefined>, "uid">): ReleaseDatasets | undefined {
    if (named === undefined) return this.#known.get(keyOf(store, uid, undefined));
    const active = this.#tools.stores.peek(store)?.serving();
    return active && this.#known.get(keyOf(store, uid, active.release));
  }

  /** The datasets of a release. Throws `UNAVAILABLE` where nobody can say whose rows are whose. */
  async of({ store, named }: Asked, release: ServedRelease): Promise<ReleaseDatasets> {
    const active = named === undefined ? undefined : await this.#active(store);
    const key = keyOf(store, release.uid, active);
    const known = this.#known.get(key);
    if (known) return known;
    const tables = await this.#tools.catalogues.tables(release);
    const now = active === undefined ? [] : this.definitions(store, active);
    const found = releaseDatasets(tables, this.definitions(store, release.release), now);
    this.#known.set(key, found);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= remembered) break;
      this.#known.delete(oldest);
    }
    return found;
  }

  /** What is known of a release's datasets without its tables; of the configuration's alone, where no release is named. Throws `UNAVAILABLE`. */
  definitions(store: string, release: string | undefined): readonly DatasetDefinition[] {
    return definitionsOf(
      this.#tools.workspace.configuredDatasets(store),
      release === undefined ? [] : this.#recorded(store, release),
    );
  }

  /** The definitions of these releases, and of what is active, that keep rows apart; none where everybody may see everything. Throws `UNAVAILABLE`. */
  async scopes(store: string, releases: readonly string[]): Promise<readonly DatasetDefinition[]> {
    const all = new Set([...releases, await this.#active(store)]);
    return [...all].flatMap((release) => scopesOf(this.definitions(store, release)));
  }

  #recorded(store: string, release: string) {
    try {
      return this.#tools.workspace.recordedDatasets(store, release);
    } catch (cause) {
      if (!isLockkeeperError(cause, "RELEASE_UNKNOWN", "RECORD_INVALID", "FORMAT_UNSUPPORTED")) throw cause;
      throw publicError("UNAVAILABLE", "the record of the release cannot be read, so nobody can say whose rows are whose", {
        cause,
      });
    }
  }

  /** What is active now, as a request without a release would see it: its scopes bind every other release, too. `undefined` where nothing is. */
  async #active(store: string): Promise<string | undefined> {
    try {
      const reader = await this.#tools.stores.reader(store);
      return reader.serving()?.release ?? (await reader.borrow(({ release }) => Promise.resolve(release)));
    } catch {
      // One that cannot be opened is active all the same.
      return (await this.#tools.workspace.status()).find((each) => each.store === store)?.release;
    }
  }
}

function keyOf(store: string, uid: string, active: string | undefined): string {
  return `${store} ${uid} ${active ?? ""}`;
}

function scopesOf(definitions: readonly DatasetDefinition[]): readonly DatasetDefinition[] {
  return definitions.filter(({ scopeColumn }) => scopeColumn !== undefined);
}

/** `now`: the definitions of what is active, for a release that is not. */
function releaseDatasets(
  tables: readonly ServedTable[],
  definitions: readonly DatasetDefinition[],
  now: readonly DatasetDefinition[],
): ReleaseDatasets {
  const datasets = new Map<string, ServedDataset>();
  const closed = new Set<ServedTable>();
  const scopes = scopesOf(now);
  for (const definition of definitions) {
    const table = tableOf(tables, definition);
    const same = now.find(({ id }) => id === definition.id);
    // A dataset that is gone has the scope that its table has today.
    const today = same ?? scopes.find((each) => tablesOf(tables, each).some((other) => other === table));
    const name = definition.scopeColumn ?? today?.scopeColumn;
    const scope = name === undefined ? undefined : { name, column: table && columnOf(table, name) };
    datasets.set(definition.id, { definition, table, scope });
    if (scope) for (const each of tablesOf(tables, definition)) closed.add(each);
  }
  for (const scoped of scopes) for (const each of tablesOf(tables, scoped)) closed.add(each);
  const isScoped = scopes.length > 0 || [...datasets.values()].some(({ scope }) => scope !== undefined);
  return { datasets, isScoped, tables, isClosed: (table) => closed.has(table) || (isScoped && table.kind === "view") };
}

/** The one table that is meant: of several with a name that no schema tells apart, that in `main`, else none. */
function tableOf(tables: readonly ServedTable[], definition: DatasetDefinition): ServedTable | undefined {
  const found = tablesOf(tables, definition);
  return found.length === 1 ? found[0] : found.find(({ schema }) => schema === "main");
}

/** Every table that may be meant, in whatever case: where dbt said, else wherever a table of that name is, for a release of Parquet files has schemas of its own. */
export function tablesOf<Table extends Pick<ServedTable, "schema" | "name">>(
  tables: readonly Table[],
  { schema, table }: Pick<DatasetDefinition, "schema" | "table">,
): readonly Table[] {
  const named = tables.filter(({ name }) => name.toLowerCase() === table.toLowerCase());
  const there = named.filter((each) => each.schema.toLowerCase() === schema?.toLowerCase());
  return there.length > 0 ? there : named;
}

/** A column by its name, in whatever case. */
export function columnOf(table: ServedTable, name: string): TableColumn | undefined {
  return table.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
}
