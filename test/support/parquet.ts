import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

/** Writes the rows of a statement to a Parquet file, in a folder that may not be there yet. */
export async function writeParquet(path: string, sql: string, ...options: readonly string[]): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const instance = await DuckDBInstance.create(":memory:");
  try {
    const connection = await instance.connect();
    try {
      await connection.run(`COPY (${sql}) TO '${path.replaceAll("'", "''")}' (${["FORMAT parquet", ...options].join(", ")})`);
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}
