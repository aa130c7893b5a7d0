// @ts-check
/**
 * An ordinary ETL script. It knows the file to write, `DUCKDB_PATH`, and where the filings are, `FILINGS`; nothing of releases.
 *
 *   DUCKDB_PATH=holdings.duckdb FILINGS=folder node etl.mjs --as-of 2025-01-31
 *   DUCKDB_PATH=holdings.duckdb FILINGS=folder node etl.mjs --week 4
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";

const { values } = parseArgs({ options: { "as-of": { type: "string" }, week: { type: "string" } } });
const target = process.env["DUCKDB_PATH"];
const filings = process.env["FILINGS"];
if (!target || !filings || (values["as-of"] === undefined) === (values.week === undefined)) {
  console.error("usage: DUCKDB_PATH=FILE FILINGS=FOLDER node etl.mjs --as-of YYYY-MM-DD | --week N");
  process.exit(2);
}

const instance = await DuckDBInstance.create(target);
const connection = await instance.connect();
for (const [name, value] of [
  ["filings", filings],
  ["as_of", values["as-of"] ?? null],
  ["week", values.week ?? null],
]) {
  await connection.run(`SET VARIABLE ${name} = $1`, [value ?? null]);
}
await connection.run(readFileSync(new URL("etl.sql", import.meta.url), "utf8"));
const run = await connection.runAndReadAll("SELECT rows || ' holdings as of ' || as_of FROM etl_run");
console.log(run.value(0, 0));
connection.closeSync();
instance.closeSync();
