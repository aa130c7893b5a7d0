import type { DuckDBConnection } from "@duckdb/node-api";
import { firstLine } from "../../errors/lockkeeper-error.ts";
import type { ParquetSource } from "../../model/artifact.ts";
import type { Platform } from "../../platform/port.ts";
import type { ViewDefinition } from "./catalogue.ts";
import { onFile } from "./on-file.ts";
import { parquetSelect } from "./parquet-views.ts";
import { quoteIdentifier, quoteLiteral } from "./sql-text.ts";

/** A view of a database file. */
export interface FileView extends ViewDefinition {
  /** The engine's first line, where it does not bind. */
  readonly error?: string;
}

/** Views to take out of a file, and tables of Parquet files to show in it. */
export interface ViewChanges {
  readonly drop: readonly { readonly schema: string; readonly name: string }[];
  readonly show: readonly ParquetSource[];
}

/** The views of a database file, by schema and name, as it lies there: with what is in a log beside it. Throws what opening a file throws. */
export async function fileViews(platform: Platform, path: string): Promise<FileView[]> {
  return onFile(platform, { path, access: "READ_ONLY" }, async (connection, name) => {
    const sql = `SELECT schema_name, view_name, sql FROM duckdb_views() WHERE database_name = ${quoteLiteral(name)} AND NOT internal ORDER BY 1, 2`;
    const rows = (await connection.runAndReadAll(sql)).getRows().map((row) => row.map(String));
    const views: FileView[] = [];
    for (const [schema = "", view = "", definition = ""] of rows) {
      const error = await bindError(connection, [name, schema, view]);
      views.push({ schema, name: view, definition, ...(error !== undefined && { error }) });
    }
    return views;
  });
}

/**
 * Drops views of a database file and shows tables of Parquet files in it, all or nothing; what was there under the name of a shown table is replaced. Where the file is missing it is made. No log
 * is left beside it. Throws what opening a file for writing throws.
 */
export async function changeViews(platform: Platform, path: string, { drop, show }: ViewChanges): Promise<void> {
  await onFile(platform, { path, access: "READ_WRITE", mayMake: true }, async (connection, name) => {
    const of = (schema: string, view: string) => [name, schema, view].map(quoteIdentifier).join(".");
    const statements = [
      ...drop.map(({ schema, name: view }) => `DROP VIEW IF EXISTS ${of(schema, view)}`),
      ...new Set(show.map(({ schema }) => `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(name)}.${quoteIdentifier(schema)}`)),
      ...show.map((source) => `CREATE OR REPLACE VIEW ${of(source.schema, source.name)} AS ${parquetSelect(source)}`),
    ];
    await connection.run(["BEGIN", ...statements, "COMMIT", `CHECKPOINT ${quoteIdentifier(name)}`].join(";\n"));
  });
}

async function bindError(connection: DuckDBConnection, path: readonly string[]): Promise<string | undefined> {
  try {
    const statement = await connection.prepare(`SELECT * FROM ${path.map(quoteIdentifier).join(".")}`);
    statement.destroySync();
    return undefined;
  } catch (error) {
    return firstLine(error);
  }
}
