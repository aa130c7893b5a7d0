import { parquetCatalogue } from "../../model/artifact.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import { firstLine } from "../../errors/lockkeeper-error.ts";
import type { QuerySource } from "./compare.ts";
import { quoteIdentifier, quoteLiteral } from "./sql-text.ts";

/** A view that does not bind. */
export interface BrokenView {
  readonly schema: string;
  readonly name: string;
  /** The engine's first line. */
  readonly error: string;
}

/** A view and the statement that made it. */
export interface ViewDefinition {
  readonly schema: string;
  readonly name: string;
  readonly definition: string;
}

/** Tables and views of a file. */
export interface Catalogue {
  /** By schema and name; tables with exact row counts. Broken views have no columns. */
  readonly tables: readonly ReleaseTable[];
  readonly brokenViews: readonly BrokenView[];
  /** Views that bind. */
  readonly views: readonly ViewDefinition[];
  /** For each of `tables` the statement that made it, where it is a view; else empty. */
  readonly definitions: readonly string[];
}

/** Tables counted by one statement: enough to make it cheap, few enough for the parser. */
const countsPerQuery = 100;

const entriesSql = `
  SELECT schema_name, table_name, 'table', '' FROM duckdb_tables() WHERE database_name = $name AND NOT internal AND NOT temporary
  UNION ALL
  SELECT schema_name, view_name, 'view', sql FROM duckdb_views() WHERE database_name = $name AND NOT internal AND NOT temporary
  ORDER BY 1, 2`;

const columnsSql = `
  SELECT schema_name, table_name, column_name, data_type, is_nullable FROM duckdb_columns()
  WHERE database_name = $name AND NOT internal
    AND ($name = '${parquetCatalogue}' OR table_name IN (SELECT table_name FROM duckdb_tables() WHERE database_name = $name))
  ORDER BY schema_name, table_name, column_index`;

/**
 * Reads the catalogue of the file attached as `name`. Each view is bound, for its stored columns say nothing about whether it still works. In the in-memory catalogue every view is a
 * table of Parquet files, and is told as a table.
 */
export async function readCatalogue(source: QuerySource, name: string): Promise<Catalogue> {
  const entries = (await source.query(entriesSql, { name }, {})).rows as readonly (readonly [
    string,
    string,
    "table" | "view",
    string,
  ])[];
  const columns = await columnsByTable(source, name);
  const isTable = (kind: "table" | "view"): boolean => kind === "table" || name === parquetCatalogue;
  const counted = entries.filter(([, , kind]) => isTable(kind));
  const counts = await countRows(source, name, counted);
  const tables: ReleaseTable[] = [];
  const brokenViews: BrokenView[] = [];
  const views: ViewDefinition[] = [];
  for (const [schema, entry, kind, definition] of entries) {
    const key = keyOf(schema, entry);
    if (isTable(kind)) {
      tables.push({
        schema,
        name: entry,
        kind: "table",
        rows: counts.get(key) ?? 0,
        columns: columns.get(key) ?? [],
      });
      continue;
    }
    const view = await bindView(source, [name, schema, entry]);
    tables.push({ schema, name: entry, kind, columns: view.columns });
    if (view.error === undefined) views.push({ schema, name: entry, definition });
    else brokenViews.push({ schema, name: entry, error: view.error });
  }
  return { tables, brokenViews, views, definitions: entries.map(([, , , definition]) => definition) };
}

async function columnsByTable(source: QuerySource, name: string): Promise<Map<string, ReleaseTable["columns"]>> {
  const { rows } = await source.query(columnsSql, { name }, {});
  const columns = new Map<string, ReleaseTable["columns"]>();
  for (const [schema, table, column, type, nullable] of rows as readonly (readonly [string, string, string, string, boolean])[]) {
    const key = keyOf(schema, table);
    const list = columns.get(key) ?? [];
    list.push({ name: column, type, nullable });
    columns.set(key, list);
  }
  return columns;
}

async function countRows(
  source: QuerySource,
  name: string,
  tables: readonly (readonly [schema: string, table: string, ...rest: string[]])[],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let first = 0; first < tables.length; first += countsPerQuery) {
    const part = tables.slice(first, first + countsPerQuery);
    const selects = part.map(([schema, table], index) => `SELECT ${index}, count(*) FROM ${qualified([name, schema, table])}`);
    const { rows } = await source.query(selects.join("\nUNION ALL "), undefined, {});
    for (const [index, count] of rows) {
      const [schema, table] = part[Number(index)] ?? ["", ""];
      counts.set(keyOf(schema, table), Number(count));
    }
  }
  return counts;
}

async function bindView(
  source: QuerySource,
  path: readonly string[],
): Promise<{ columns: ReleaseTable["columns"]; error?: string }> {
  try {
    const { columns } = await source.query(`SELECT * FROM ${qualified(path)} LIMIT 0`, undefined, {});
    return { columns: columns.map(({ name, type }) => ({ name, type, nullable: true })) };
  } catch (error) {
    return { columns: [], error: firstLine(error) };
  }
}

function qualified(path: readonly string[]): string {
  return path.map(quoteIdentifier).join(".");
}

function keyOf(schema: string, table: string): string {
  return `${quoteLiteral(schema)}.${table}`;
}
