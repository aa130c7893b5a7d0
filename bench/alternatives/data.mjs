// @ts-check
import { spawnSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { generate } from "../../examples/superinvestors/filings/generate.mjs";
import { quarter } from "./question.mjs";

/**
 * Where the data of all builds lie, and what an answer over them counts. `sqlite` is there when a Python was given.
 * @typedef {{ folder: string, base: string, sqlite?: string, python?: string, rows: number }} Source
 */

const sqliteScript = fileURLToPath(new URL("sqlite-build.py", import.meta.url));

/**
 * Makes the filings once: every build of every way is a copy of them that carries its number in each row of both tables.
 *
 * @param {string} folder new or empty
 * @param {{ size: "xs" | "s" | "m" | "full", python?: string | undefined }} options
 * @returns {Promise<Source>}
 */
export async function makeSource(folder, { size, python }) {
  const filings = join(folder, "filings");
  await generate({ size, out: filings });
  const base = join(folder, "base.duckdb");
  const rows = await withDatabase(base, async (connection) => {
    await connection.run(`CREATE TABLE investors AS FROM read_parquet('${filings}/investors.parquet')`);
    await connection.run(`CREATE TABLE filings AS FROM read_parquet('${filings}/filings/*.parquet')`);
    const counted = await connection.runAndReadAll(`SELECT count(*) FROM filings WHERE quarter = '${quarter}'`);
    return Number(counted.getRowsJson()[0]?.[0]);
  });
  /** @type {Source} */
  const source = { folder, base, rows };
  return python === undefined ? source : { ...source, python, sqlite: await makeSqlite(source, python) };
}

/**
 * Writes build `number` at `path`: a new DuckDB file, or the tables of a file that is there in place of the old ones, all in one transaction.
 *
 * @param {Source} source
 * @param {string} path
 * @param {number} number
 */
export async function buildDuckdb({ base }, path, number) {
  await withDatabase(path, async (connection) => {
    await connection.run(`ATTACH '${base}' AS base (READ_ONLY)`);
    await connection.run("BEGIN");
    for (const table of ["investors", "filings"]) {
      await connection.run(`CREATE OR REPLACE TABLE ${table} AS SELECT *, ${number} AS build FROM base.${table}`);
    }
    await connection.run("COMMIT");
    await connection.run("DETACH base");
    await connection.run("CHECKPOINT");
  });
}

/**
 * Writes build `number` as two Parquet files, `investors.parquet` and `filings.parquet`, into a folder.
 *
 * @param {Source} source
 * @param {string} folder
 * @param {number} number
 */
export async function buildParquet({ base }, folder, number) {
  await withDatabase(":memory:", async (connection) => {
    await connection.run(`ATTACH '${base}' AS base (READ_ONLY)`);
    for (const table of ["investors", "filings"]) {
      const target = join(folder, `${table}.parquet`);
      await connection.run(`COPY (SELECT *, ${number} AS build FROM base.${table}) TO '${target}' (FORMAT parquet)`);
    }
  });
}

/**
 * Writes build `number` as a SQLite file.
 *
 * @param {Source} source
 * @param {string} path
 * @param {number} number
 */
export function buildSqlite({ sqlite = "", python = "" }, path, number) {
  copyFileSync(sqlite, path);
  runPython(python, ["number", path, String(number)]);
}

/**
 * @param {Source} source
 * @param {string} python
 */
async function makeSqlite({ folder, base }, python) {
  const path = join(folder, "base.sqlite");
  await withDatabase(base, async (connection) => {
    for (const table of ["investors", "filings"]) await connection.run(`COPY ${table} TO '${folder}/${table}.csv' (HEADER)`);
  });
  runPython(python, ["make", path, folder]);
  for (const table of ["investors", "filings"]) rmSync(join(folder, `${table}.csv`));
  return path;
}

/**
 * @param {string} python
 * @param {string[]} args
 */
function runPython(python, args) {
  const { status, stderr } = spawnSync(python, [sqliteScript, ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${sqliteScript} ${args[0]} ended with exit ${status}: ${stderr}`);
}

/**
 * @template T
 * @param {string} path
 * @param {(connection: import("@duckdb/node-api").DuckDBConnection) => Promise<T>} work
 */
export async function withDatabase(path, work) {
  const instance = await DuckDBInstance.create(path);
  try {
    const connection = await instance.connect();
    try {
      return await work(connection);
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

/**
 * Leaves a build that can be opened and has no filings: what an ETL writes whose source was empty.
 *
 * @param {Source} source
 * @param {"duckdb" | "sqlite" | "parquet"} kind
 * @param {string} target of the build
 */
export async function emptyFilings({ base, python = "" }, kind, target) {
  if (kind === "sqlite") return runPython(python, ["empty", target, ""]);
  if (kind === "duckdb") return withDatabase(target, (connection) => runAll(connection, ["DELETE FROM filings", "CHECKPOINT"]));
  await withDatabase(base, (connection) =>
    runAll(connection, [`COPY (SELECT *, 0 AS build FROM filings WHERE false) TO '${target}/filings.parquet' (FORMAT parquet)`]),
  );
}

/**
 * @param {import("@duckdb/node-api").DuckDBConnection} connection
 * @param {string[]} statements
 */
async function runAll(connection, statements) {
  for (const statement of statements) await connection.run(statement);
}
