import { parquetCatalogue, type ParquetSource, type ParquetTable } from "../../model/artifact.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import type { QueryOptions, QueryRows } from "../../model/query.ts";
import type { Platform } from "../../platform/port.ts";
import { readCatalogue, type BrokenView } from "./catalogue.ts";
import type { Database } from "./database.ts";
import { openForReading, openParquet } from "./open.ts";
import { unportableViews, type UnportableView } from "./portable-views.ts";
import { Spare } from "./spare.ts";
import { quoteIdentifier, quoteLiteral } from "./sql-text.ts";
import { storageVersionOf, storageVersionSql } from "./storage-version.ts";

/** A file opened the way a reader would, with what lies in it. */
export interface DuckdbInspection {
  /** For example `v1.5.0`; `none` without a DuckDB file. */
  readonly storageVersion: string;
  readonly tables: readonly ReleaseTable[];
  readonly brokenViews: readonly BrokenView[];
  /** Views that bind here, but need the file's name or other files. */
  readonly unportableViews: readonly UnportableView[];
  query(sql: string, options?: QueryOptions): Promise<QueryRows>;
  identifier(name: string): string;
  literal(text: string): string;
  /** Lets go of the file. */
  close(): Promise<void>;
}

/** What is opened for a look. */
export interface InspectedRelease {
  /** The DuckDB file; `undefined` where there is none. */
  readonly path: string | undefined;
  /** What it is attached under. */
  readonly name: string;
  readonly parquet: readonly ParquetSource[];
}

/** Opens a release's files read-only, the DuckDB file under its constant name, and reads what lies in them. Throws what opening throws. */
export async function inspect(platform: Platform, { path, name, parquet }: InspectedRelease): Promise<DuckdbInspection> {
  const database =
    path === undefined
      ? await openParquet(platform, parquet)
      : await openForReading(platform, new Spare(), { path, names: [name], parquet, concurrency: 1, settings: {} });
  try {
    const own = path === undefined ? nothing : await readFile(platform, database, { path, name });
    const shown = parquet.length === 0 ? [] : (await readCatalogue(database, parquetCatalogue)).tables;
    return {
      ...own,
      tables: [...own.tables, ...shown.map((table) => ({ ...table, parquet: placeOf(parquet, table) }))],
      query: (sql, options = {}) => database.query(sql, undefined, options),
      identifier: quoteIdentifier,
      literal: quoteLiteral,
      close: () => database.close(),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

type FileContents = Pick<DuckdbInspection, "storageVersion" | "tables" | "brokenViews" | "unportableViews">;

const nothing: FileContents = { storageVersion: "none", tables: [], brokenViews: [], unportableViews: [] };

async function readFile(
  platform: Platform,
  database: Database,
  { path, name }: { readonly path: string; readonly name: string },
): Promise<FileContents> {
  const { rows } = await database.query(storageVersionSql, [name], {});
  const { tables, brokenViews, views } = await readCatalogue(database, name);
  const storageVersion = storageVersionOf(rows[0]?.[0]);
  return { storageVersion, tables, brokenViews, unportableViews: await unportableViews(platform, path, views) };
}

/** Where it lies in the release, the caller knows. */
function placeOf(parquet: readonly ParquetSource[], table: Pick<ReleaseTable, "schema" | "name">): ParquetTable {
  const source = parquet.find(({ schema, name }) => schema === table.schema && name === table.name);
  return { path: "", files: source?.files.length ?? 0, hive: [...(source?.hive ?? [])] };
}
