import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { findDbt, type Dbt } from "../../examples/marts-dbt/demo/dbt.mjs";
import { findPostgres } from "../../examples/lib/postgres.mjs";

const dbt = findDbt();
const postgres = findPostgres();

/** Why nothing of dbt is run here; empty where it is. */
export const whyNoDbt = "why" in dbt ? `${dbt.why}; node scripts/python-environment.mjs dbt makes one` : "";

/** Why nothing is run here that needs dbt and PostgreSQL; empty where it is. */
export const whyNoDbtWithPostgres = whyNoDbt || ("why" in postgres ? postgres.why : "");

/** The example's project. */
export const exampleProject = fileURLToPath(new URL("../../examples/marts-dbt/dbt", import.meta.url));

/** Where one dbt works: its project, and the folder of the build, with `build.duckdb`, `dbt-target/` and what `external_root` takes in it. */
export interface DbtPlace {
  readonly project: string;
  readonly folder: string;
  /** Of the source, for one. */
  readonly env?: NodeJS.ProcessEnv;
  /** Another dbt than the one that is found: one that is warm, for one. */
  readonly dbt?: Dbt;
}

/** A dbt that takes longer is killed. Milliseconds. */
const dbtTimeoutMs = 2 * 60_000;

/** Runs dbt by itself, without Lockkeeper, in the environment that a build would give it; resolves with whatever exit code. */
export function runDbt(
  words: readonly string[],
  { project, folder, env, dbt: own = dbtOrThrow() }: DbtPlace,
): Promise<{ readonly code: number | null; readonly stdout: string }> {
  mkdirSync(folder, { recursive: true });
  const places = {
    ...own.env,
    DUCKDB_PATH: join(folder, "build.duckdb"),
    PARQUET_DIR: folder,
    DBT_TARGET_PATH: join(folder, "dbt-target"),
    DBT_LOG_PATH: join(folder, "dbt-logs"),
    DBT_PROFILES_DIR: project,
  };
  const options = {
    cwd: project,
    env: { ...process.env, ...places, ...env },
    timeout: dbtTimeoutMs,
    maxBuffer: 16 * 1024 * 1024,
  };
  return new Promise((resolve) => {
    const child = execFile(own.program, ["--no-use-colors", ...words], options, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout: `${stdout}${stderr}` });
    });
  });
}

function dbtOrThrow(): Dbt {
  if ("why" in dbt) throw new Error(dbt.why);
  return dbt;
}

/** The rows of a statement, each as its values' texts with `|` between, as psql prints them; `database` is opened read-only. */
export async function rowsOf(sql: string, database?: string): Promise<string[]> {
  const instance = await DuckDBInstance.create(
    database ?? ":memory:",
    database === undefined ? {} : { access_mode: "READ_ONLY" },
  );
  try {
    const connection = await instance.connect();
    try {
      const rows = (await connection.runAndReadAll(sql)).getRowsJson();
      return rows.map((row) => row.map(textOf).join("|"));
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return value === null ? "" : JSON.stringify(value);
}
