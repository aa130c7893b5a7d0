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

/** A DuckDB file, two Parquet tables, of which one is the same in every release, so that it is shared, and a SQLite file. */
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
  await writeDatabase(path, `CREATE TABLE t AS SELECT range + 1 AS n FROM range(${rows})`);
  await writeParquet(join(dir, "mart/changing.parquet"), `SELECT range + 1 AS n FROM range(${rows})`);
  await writeParquet(join(dir, "mart/same.parquet"), "SELECT 42 AS answer");
  writeSqlite(join(dir, "labels.db"), "PRAGMA journal_mode = WAL", `CREATE TABLE labels AS SELECT ${rows} AS n`);
}

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
  only: { points: /^(seal|stage|record|install)\./, words: "between the sealing and the end of the install" },
  recover: async (root) => void (await publishRows(root, 4)),
};

/** What is done with releases of several files, where it differs from what is done with one. */
export const severalFilesOperations: readonly Operation[] = [
  publishingSeveral,
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
