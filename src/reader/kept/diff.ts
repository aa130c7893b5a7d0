import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { parquetCatalogue } from "../../model/artifact.ts";
import { diffTables, needsContent, type CatalogueTable, type ComparedTable, type DiffResult } from "../../model/diff.ts";
import { releaseOf } from "../../model/manifest.ts";
import type { QueryOptions, QueryParameters, QueryRows } from "../../model/query.ts";
import type { ReaderEngine } from "../engine.ts";
import type { Generation } from "../generation.ts";
import type { ReaderOptions } from "../options.ts";
import type { ReaderPorts } from "../reader.ts";
import { visitReleases, type Visit } from "./visit.ts";

interface QuerySource {
  query(sql: string, parameters: QueryParameters | undefined, options: QueryOptions): Promise<QueryRows>;
}

interface TableName {
  readonly catalogue: string;
  readonly schema: string;
  readonly name: string;
}

/** What comparing needs of an engine: it asks open databases. All throw what `OpenDatabase.query` throws. */
export interface DiffEngine extends ReaderEngine {
  /** Tables and views by schema and name; tables with exact row counts, views with their statements. */
  catalogue(source: QuerySource, catalogue: string): Promise<readonly CatalogueTable[]>;
  /** Equal for two tables of equal columns whose rows are equal, in whatever order. One scan. */
  fingerprint(source: QuerySource, table: TableName & Pick<CatalogueTable, "columns">, options: QueryOptions): Promise<string>;
  /** `undefined` where the engine cannot tell. */
  tableBytes(source: QuerySource, table: TableName, options: QueryOptions): Promise<number | undefined>;
}

/** Which releases to compare: ids of releases, or of builds in quarantine. */
export interface DiffRequest {
  /** Default: the release that was active before the active one. */
  readonly from?: string | undefined;
  /** Default: the active release. */
  readonly to?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What differs between two releases, table by table, from what lies in their files; both are pinned meanwhile. Tables of equal columns and row counts are read whole, on both sides, to tell
 * whether they are the same. Throws `RELEASE_UNKNOWN`, also where no release was active before; `NO_RELEASE`, `INTERRUPTED`, `DATABASE_CORRUPT`, and what opening throws.
 */
export async function diffReleases(
  options: ReaderOptions,
  ports: ReaderPorts & { readonly engine: DiffEngine },
  request: DiffRequest,
): Promise<Omit<DiffResult, "store">> {
  return visitReleases(options, ports, async (visit) => {
    const { from, to } = requested(visit, request);
    const [before, after] = [await visit.open(from), await visit.open(to)];
    const tables = await compare(ports.engine, [before, after], { signal: request.signal });
    return { from: named(before), to: named(after), tables };
  });
}

function requested(visit: Visit, request: DiffRequest): { readonly from: string; readonly to: string } {
  const sighting = visit.look();
  const manifest = sighting.kind === "manifest" ? sighting.manifest : undefined;
  const from = request.from ?? manifest?.own?.previous?.release;
  const to = request.to ?? (manifest && releaseOf(manifest));
  if (from !== undefined && to !== undefined) return { from, to };
  if (sighting.kind !== "manifest") throw sighting.error;
  throw new LockkeeperError("RELEASE_UNKNOWN", "no release is known to have been active before the active one", {
    hint: "Name the release to compare with; `lockkeeper releases list` shows what is kept.",
  });
}

async function compare(
  engine: DiffEngine,
  [before, after]: readonly [Generation, Generation],
  options: QueryOptions,
): Promise<DiffResult["tables"]> {
  const from = await tablesOf(engine, before);
  const to = await tablesOf(engine, after);
  const counterparts = new Map(to.map((table) => [keyOf(table), table]));
  const content = new Set(
    from.flatMap((table) => {
      const other = counterparts.get(keyOf(table));
      return other !== undefined && needsContent(table, other) ? [keyOf(table)] : [];
    }),
  );
  const request = { content, options };
  return diffTables(
    await compared(engine, { generation: before, tables: from }, request),
    await compared(engine, { generation: after, tables: to }, request),
  );
}

/** A table, and where it lies for the engine. */
type PlacedTable = CatalogueTable & { readonly catalogue: string };

/** Those of the DuckDB file, and those of Parquet files. */
async function tablesOf(engine: DiffEngine, generation: Generation): Promise<PlacedTable[]> {
  const { names, parquet } = generation.target;
  const catalogues = [...names.slice(0, 1), ...(parquet.length > 0 ? [parquetCatalogue] : [])];
  const tables: PlacedTable[] = [];
  for (const catalogue of catalogues) {
    for (const table of await engine.catalogue(generation, catalogue)) tables.push({ ...table, catalogue });
  }
  return tables;
}

async function compared(
  engine: DiffEngine,
  { generation, tables }: { readonly generation: Generation; readonly tables: readonly PlacedTable[] },
  { content, options }: { readonly content: ReadonlySet<string>; readonly options: QueryOptions },
): Promise<ComparedTable[]> {
  const result: ComparedTable[] = [];
  for (const table of tables) {
    if (table.kind === "view") {
      result.push(table);
      continue;
    }
    const bytes = await engine.tableBytes(generation, table, options);
    const fingerprint = content.has(keyOf(table)) ? await engine.fingerprint(generation, table, options) : undefined;
    result.push({ ...table, bytes, fingerprint });
  }
  return result;
}

function named({ target: { release, version } }: Generation): DiffResult["from"] {
  return { release, ...(version !== undefined && { version }) };
}

function keyOf({ schema, name }: Pick<CatalogueTable, "schema" | "name">): string {
  return JSON.stringify([schema, name]);
}
