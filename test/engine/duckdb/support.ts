import { join } from "node:path";
import { onTestFinished } from "vitest";
import { duckdbEngine, type DuckdbEngine } from "../../../src/engine/duckdb/engine.ts";
import type { Database } from "../../../src/engine/duckdb/database.ts";
import type { OpenOptions } from "../../../src/engine/duckdb/open.ts";
import { LockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import type { QueryParameters } from "../../../src/model/query.ts";
import { nodePlatform } from "../../../src/platform/node.ts";
import { startScript, type Child } from "../../support/child.ts";
import { writeDatabase } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** The real platform, one for a test file. */
export const platform = nodePlatform();
/** The engine on it. */
export const engine: DuckdbEngine = duckdbEngine(platform);

/** A database with `t(n BIGINT)` of 1 to `rows`, in a folder of the test's own. */
export async function sampleFile(rows = 1000, ...more: string[]): Promise<string> {
  const path = join(temporaryFolder(), "DB.duckdb");
  await writeDatabase(path, `CREATE TABLE t AS SELECT range + 1 AS n FROM range(${rows})`, ...more);
  return path;
}

/** Opens a file for reading; closed when the test has finished. */
export async function openFile(path: string, options: Partial<OpenOptions> = {}): Promise<Database> {
  const database = await engine.open({ path, names: ["DB"], concurrency: 2, settings: {}, ...options });
  onTestFinished(() => database.close());
  return database;
}

/** A database to ask things of that need no table. */
export async function openSample(settings: Record<string, string> = {}): Promise<Database> {
  return openFile(await sampleFile(), { settings });
}

/** One value: the first column of the only row. */
export async function valueOf(database: Database, sql: string, parameters?: QueryParameters): Promise<unknown> {
  const { rows } = await database.query(sql, parameters, {});
  return rows[0]?.[0];
}

/** The error that a promise rejects with; fails when it resolves or rejects with something that is not ours. */
export async function errorOf(promise: Promise<unknown>): Promise<LockkeeperError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in outcome && outcome.error instanceof LockkeeperError) return outcome.error;
  throw new Error(`expected one of our errors, got ${JSON.stringify(outcome)}`);
}

const driverUrl = JSON.stringify(import.meta.resolve("@duckdb/node-api"));

/** What a second process meets that opens the file for writing: `free`, or the engine's error. */
export async function writeFromOutside(path: string): Promise<string> {
  const child = startScript(`
    import { DuckDBInstance } from ${driverUrl};
    try {
      const instance = await DuckDBInstance.create(${JSON.stringify(path)});
      instance.closeSync();
      console.log("outcome free");
    } catch (error) {
      console.log("outcome " + error.message.split("\\n")[0]);
    }
  `);
  return (await child.line("outcome ")).slice("outcome ".length);
}

/** A second process that has the file open for writing until it is killed. */
export async function holdForWriting(path: string): Promise<Child> {
  const child = startScript(`
    import { DuckDBInstance } from ${driverUrl};
    const instance = await DuckDBInstance.create(${JSON.stringify(path)});
    const connection = await instance.connect();
    await connection.run("CREATE OR REPLACE TABLE held AS SELECT 1");
    console.log("holding");
    process.stdin.on("data", () => { connection.closeSync(); instance.closeSync(); process.exit(0); });
  `);
  await child.line("holding");
  return child;
}
