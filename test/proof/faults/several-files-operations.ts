import { join } from "node:path";
import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { abortBuild } from "../../../src/release/detached/abort.ts";
import { beginBuild } from "../../../src/release/detached/begin.ts";
import { commitBuild } from "../../../src/release/detached/commit.ts";
import { listBuilds } from "../../../src/release/detached/list.ts";
import { publish } from "../../../src/release/publish.ts";
import type { BuildSource, ReleaseStore } from "../../../src/release/store.ts";
import { writeSqlite } from "../../support/sqlite.ts";
import { writeParquet } from "../../support/parquet.ts";
import { startOperation, storeIn, writeDatabase } from "../../support/store.ts";
import { storeFolder, type Operation } from "./operations.ts";

/**
 * A DuckDB file, two Parquet tables, of which one is the same in every release, so that it is shared, and a SQLite file. A third is what dbt leaves of an empty model, and views give two of them
 * names of their own, so that they lie elsewhere in the release.
 */
export const store = {
  layout: "releases",
  retention: { keep: 2 },
  artifacts: [{ kind: "duckdb" }, { kind: "parquet", path: "mart" }, { kind: "sqlite", path: "labels.db" }],
} as const;

/** A build of those files, with so many rows where they change. */
export function severalFilesBuild(rows: number): BuildSource {
  return { kind: "function", build: (context) => writeAll(context, rows) };
}

const storeOf = (root: string): ReleaseStore => storeIn(storeFolder(root), store);

async function writeAll({ path, dir }: { readonly path: string; readonly dir: string }, rows: number): Promise<void> {
  await writeParquet(join(dir, "mart/changing.parquet"), `SELECT range + 1 AS n FROM range(${rows})`);
  await writeParquet(join(dir, "mart/same.parquet"), "SELECT 42 AS answer");
  await writeParquet(join(dir, "mart/empty.parquet"), "SELECT NULL::INTEGER AS n");
  await writeDatabase(path, `CREATE TABLE t AS SELECT range + 1 AS n FROM range(${rows})`, ...views(dir));
  writeSqlite(join(dir, "labels.db"), "PRAGMA journal_mode = WAL", `CREATE TABLE labels AS SELECT ${rows} AS n`);
}

const views = (dir: string): string[] => [
  "CREATE SCHEMA named",
  `CREATE VIEW named.changes AS SELECT * FROM read_parquet('${dir}/mart/changing.parquet')`,
  `CREATE VIEW named.nothing AS SELECT * FROM read_parquet('${dir}/mart/empty.parquet') WHERE 1 AND n IS NOT NULL`,
];

const publishRows = (root: string, rows: number) => publish(storeOf(root), severalFilesBuild(rows));

async function published(root: string): Promise<void> {
  for (const rows of [1, 2]) await publishRows(root, rows);
}

const publishBody = `return publish(store, { kind: "function", async build({ path, dir }) {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  await connection.run("CREATE TABLE t AS SELECT range + 1 AS n FROM range(3)");
  await connection.run("COPY t TO '" + dir + "/mart/changing.parquet' (FORMAT parquet)");
  await connection.run("COPY (SELECT 42 AS answer) TO '" + dir + "/mart/same.parquet' (FORMAT parquet)");
  await connection.run("COPY (SELECT NULL::INTEGER AS n) TO '" + dir + "/mart/empty.parquet' (FORMAT parquet)");
  for (const sql of ${JSON.stringify(views("DIR"))}) await connection.run(sql.replace("DIR", dir));
  connection.closeSync();
  instance.closeSync();
  const { default: Sqlite } = await import(${JSON.stringify(import.meta.resolve("better-sqlite3"))});
  const labels = new Sqlite(dir + "/labels.db");
  labels.pragma("journal_mode = WAL");
  labels.exec("CREATE TABLE labels AS SELECT 3 AS n");
  labels.close();
} });`;

const commitBody = `const [id] = await platform.files.list(store.paths.builds); return commitBuild(store, id);`;

/** Two releases, and a detached build whose commit died when its data was in place and nothing was switched. */
async function committedByOneThatDied(root: string): Promise<void> {
  await published(root);
  const build = await beginBuild(storeOf(root));
  await writeAll(build, 3);
  await startOperation({ ...store, dir: storeFolder(root) }, commitBody, { LOCKKEEPER_FAILPOINTS: "install.done=kill" }).ended;
}

async function finishAll(root: string): Promise<void> {
  for (const { build, state } of (await listBuilds([storeOf(root)])).builds) {
    if (state === "left") continue;
    await commitBuild(storeOf(root), build).catch(async (error: unknown) => {
      if (!isLockkeeperError(error, "BUILD_EMPTY")) throw error;
      await abortBuild(storeOf(root), build);
    });
  }
  await publishRows(root, 4);
}

/** A publish onto two earlier ones, one of whose files it shares. */
export const publishingSeveral: Operation = {
  name: "publish of several files (layout releases)",
  store,
  prepare: published,
  before: 2,
  after: 3,
  body: publishBody,
  only: { points: /^(places|seal|stage|record|install)\./, words: "between the sealing and the end of the install" },
  recover: async (root) => void (await publishRows(root, 4)),
};

/** What dbt says of a build, and then of something else: the former is put back. */
const results = (which: string) => JSON.stringify({ args: { which }, results: [{ unique_id: "model.p.t", status: "success" }] });

/** A publish of what dbt says it built, before it wrote its documentation. */
const publishingResults: Operation = {
  name: "publish after which dbt wrote its documentation (layout releases)",
  store,
  prepare: published,
  before: 2,
  after: 3,
  body: publishBody.replace(
    "} });",
    `const { mkdirSync, writeFileSync } = await import("node:fs");
     mkdirSync(dir + "/dbt-target");
     writeFileSync(dir + "/dbt-target/manifest.json", '{"nodes":{}}');
     writeFileSync(dir + "/dbt-target/run_results.json", ${JSON.stringify(results("build"))});
     // Until it has been seen: it is looked at four times a second.
     await new Promise((resolve) => setTimeout(resolve, 1000));
     writeFileSync(dir + "/dbt-target/run_results.json", ${JSON.stringify(results("generate"))});
   } });`,
  ),
  only: { points: /^dbt\./, words: "of the results that are put back" },
  recover: async (root) => void (await publishRows(root, 4)),
};

/** What is done with releases of several files, where it differs from what is done with one. */
export const severalFilesOperations: readonly Operation[] = [
  publishingSeveral,
  publishingResults,
  {
    name: "build commit of several files, after one that died (layout releases)",
    store,
    prepare: committedByOneThatDied,
    before: 2,
    after: 3,
    body: commitBody,
    only: { points: /^(resume|stage|install)\./, words: "between taking back and the end of the install" },
    unattended: true,
    recover: finishAll,
  },
];
