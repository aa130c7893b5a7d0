import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { duckdbEngine } from "../../src/engine/duckdb/engine.ts";
import { sqliteEngine } from "../../src/engine/sqlite/engine.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import { openReleaseStore, type ReleaseStoreOptions } from "../../src/release/open.ts";
import type { BuildSource, ReleaseStore } from "../../src/release/store.ts";
import { distUrl, startScript, type Child } from "./child.ts";
import { operationBundle, operationModules } from "./operation-modules.ts";

/** A store `holdings` in `folder`, on the real platform and engine. */
export function storeIn(folder: string, options: Partial<ReleaseStoreOptions> = {}): ReleaseStore {
  const platform = nodePlatform();
  return openReleaseStore(
    { name: "holdings", dir: folder, layout: "slots", basename: "DB", ...options },
    { platform, engine: duckdbEngine(platform), sqlite: sqliteEngine(platform) },
  );
}

/** Writes a database with the statements and closes it. */
export async function writeDatabase(path: string, ...statements: string[]): Promise<void> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    for (const statement of statements) await connection.run(statement);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** A build function that writes a table `t` with the numbers 1 to `rows`. */
export function rowsBuild(rows: number, ...more: string[]): BuildSource {
  return {
    kind: "function",
    build: ({ path }) => writeDatabase(path, `CREATE TABLE t AS SELECT range + 1 AS n FROM range(${rows})`, ...more),
  };
}

/** One value from a database file, read in a process of its own: the test's process may hold the file open. */
export async function valueIn(path: string, sql: string): Promise<string> {
  const child = startScript(`
    import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
    const instance = await DuckDBInstance.create(${JSON.stringify(path)}, { access_mode: "READ_ONLY" });
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll(${JSON.stringify(sql)});
    console.log("value " + reader.getRowsJson()[0][0]);
  `);
  return (await child.line("value ")).slice("value ".length);
}

/** Runs a statement on a database file in a process of its own, as an ETL does: "written", or the engine's message. */
export async function writeFromOutside(path: string, sql: string): Promise<string> {
  const child = startScript(`
    import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
    try {
      const instance = await DuckDBInstance.create(${JSON.stringify(path)});
      const connection = await instance.connect();
      await connection.run(${JSON.stringify(sql)});
      connection.closeSync();
      instance.closeSync();
      console.log("outcome written");
    } catch (error) {
      console.log("outcome " + error.message.split("\\n")[0]);
    }
  `);
  return (await child.line("outcome ")).slice("outcome ".length);
}

function operationImports(): string {
  const bundle = process.env[operationBundle];
  if (bundle !== undefined) {
    return `import { ${Object.keys(operationModules).join(", ")} } from ${JSON.stringify(pathToFileURL(bundle).href)};`;
  }
  return Object.entries(operationModules)
    .map(([name, path]) => `import { ${name} } from ${JSON.stringify(distUrl(path))};`)
    .join("\n    ");
}

/**
 * A process that runs `body` with `store`, `publish`, `rollback`, `adopt`, `pruneReleases`, `pinRelease`, `beginBuild`, `commitBuild`, `abortBuild`, `renewBuild`, `rowsBuild` and `options` in scope, and prints `result …` or `error …` as JSON.
 * The store is that of `storeIn`, in a folder or with options of its own.
 */
export function startOperation(store: string | Partial<ReleaseStoreOptions>, body: string, env: NodeJS.ProcessEnv = {}): Child {
  const options = typeof store === "string" ? { dir: store } : store;
  return startScript(
    `
    import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
    ${operationImports()}
    const platform = nodePlatform();
    const store = openReleaseStore({ name: "holdings", layout: "slots", basename: "DB", ...${JSON.stringify(options)} }, { platform, engine: duckdbEngine(platform), sqlite: sqliteEngine(platform) });
    const rowsBuild = (rows) => ({ kind: "function", async build({ path }) {
      const instance = await DuckDBInstance.create(path);
      const connection = await instance.connect();
      await connection.run("CREATE TABLE t AS SELECT range + 1 AS n FROM range(" + rows + ")");
      connection.closeSync();
      instance.closeSync();
    } });
    const onProgress = (event) => event.kind === "phase" && console.log("phase " + event.phase);
    try {
      const result = await (async () => { ${body} })();
      console.log("result " + JSON.stringify(result));
    } catch (error) {
      console.log("error " + JSON.stringify({ ...error.toJSON?.(), message: error.message }));
    }
  `,
    { env },
  );
}

/** The manifest's bytes. */
export function manifestBytes(folder: string): string {
  return readFileSync(join(folder, "db_manifest.json"), "utf8");
}

/** The manifest, parsed. */
export function manifestOf(folder: string): Record<string, unknown> {
  return JSON.parse(manifestBytes(folder)) as Record<string, unknown>;
}

/** sha256 of a file that this process has not open. */
export function sha256Of(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** The history's lines, parsed. */
export function historyOf(folder: string): Record<string, unknown>[] {
  const text = readFileSync(join(folder, ".lockkeeper", "history.jsonl"), "utf8");
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
