import type { DuckDBConnection } from "@duckdb/node-api";
import type { ParquetSource } from "../../model/artifact.ts";
import { createInstance } from "./instance.ts";
import { engineError } from "./errors.ts";
import { parquetSelect } from "./parquet-views.ts";
import { quoteIdentifier, quoteLiteral } from "./sql-text.ts";

/** Whether a table of Parquet files has one row, NULL in every column. Throws `DATABASE_CORRUPT`, and what the system says of a disk. */
export async function isOneRowOfNulls(source: ParquetSource): Promise<boolean> {
  return inMemory(async (connection) => {
    const columns = await columnsOf(connection, source);
    const filled = columns.map((name) => `${quoteIdentifier(name)} IS NOT NULL`).join(" OR ");
    const sql = `SELECT count(*) = 1 AND count(*) FILTER (WHERE ${filled}) = 0 FROM (${parquetSelect(source)} LIMIT 2)`;
    const [[result] = []] = (await connection.runAndReadAll(sql)).getRows();
    return result === true;
  });
}

/**
 * Writes a Parquet file with the columns of a table and no row; columns that folder names hold are in it, too, with the types in `source.columns` where they are there. Nothing may lie at
 * `target`. Not synced. Throws what the system says of a disk.
 */
export async function writeEmptyParquet(source: ParquetSource, target: string): Promise<void> {
  await inMemory(async (connection) => {
    const types = new Map((source.columns ?? []).map(({ name, type }) => [name.toLowerCase(), type]));
    const keys = new Set(source.hive.map((key) => key.toLowerCase()));
    const columns = (await columnsOf(connection, { ...source, columns: undefined })).map((name) => {
      const type = keys.has(name.toLowerCase()) ? types.get(name.toLowerCase()) : undefined;
      return type === undefined ? quoteIdentifier(name) : `CAST(${quoteIdentifier(name)} AS ${type}) AS ${quoteIdentifier(name)}`;
    });
    const rows = `SELECT ${columns.join(", ")} FROM (${parquetSelect({ ...source, columns: undefined })}) LIMIT 0`;
    await connection.run(`COPY (${rows}) TO ${quoteLiteral(target)} (FORMAT parquet)`);
  });
}

async function columnsOf(connection: DuckDBConnection, source: ParquetSource): Promise<string[]> {
  return (await connection.runAndReadAll(`${parquetSelect(source)} LIMIT 0`)).columnNames();
}

async function inMemory<Result>(use: (connection: DuckDBConnection) => Promise<Result>): Promise<Result> {
  const instance = await createInstance({});
  try {
    const connection = await instance.connect();
    try {
      return await use(connection);
    } finally {
      connection.closeSync();
    }
  } catch (error) {
    throw engineError(error);
  } finally {
    instance.closeSync();
  }
}
