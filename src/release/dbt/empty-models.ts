import { basename, dirname, join, sep } from "node:path";
import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import { nullFolder } from "../../model/artifact.ts";
import type { CheckResult } from "../../model/check.ts";
import { removeTree, renameFile } from "../../platform/files.ts";
import { sourceOf, type Built, type BuiltTable } from "../artifacts/built.ts";
import { activeBaseline } from "../checks/baseline.ts";
import { listed, tableName } from "../checks/context.ts";
import type { BuildFolder } from "../build/folder.ts";
import type { ReleaseStore } from "../store.ts";

/** Name of the file of an empty table whose files lie in a folder. */
const emptyFile = "data_0.parquet";

/** The same while it is written: hidden, so that it is no part of the table. */
const unfinishedFile = ".data_0.empty";

/**
 * Makes a table without rows, with all its columns, of each whose only row is the one of NULLs that dbt writes for an empty model (FACTS 2.11): its view tells, or, where there is none that can be
 * read, dbt's manifest. Resolves with the checks that tell of them, and of those that have rows of an earlier build beside that one, which refuse the build.
 */
export async function emptyModels(store: ReleaseStore, build: BuildFolder, built: Built): Promise<CheckResult[]> {
  const emptied: BuiltTable[] = [];
  const mixed: BuiltTable[] = [];
  for (const table of built.tables) {
    if (table.hidesRow !== true) continue;
    if (await isPhantom(store, table)) {
      await empty(store, build, table);
      emptied.push(table);
    } else if (await hasPhantom(store, table)) mixed.push(table);
  }
  return [...emptiedCheck(emptied), ...mixedCheck(mixed)];
}

function mixedCheck(mixed: readonly BuiltTable[]): CheckResult[] {
  const [first] = mixed;
  if (first === undefined) return [];
  const names = listed(mixed.map(tableName));
  return [
    {
      name: "dbt_empty_models",
      check: "dbt_empty_models",
      severity: "error",
      status: "fail",
      table: tableName(first),
      observed: names,
      expected: "no row that a model does not have",
      message: `${names}: dbt found the model empty, and rows of an earlier build lie beside its row of NULLs; a partitioned model needs \`overwrite: true\` among its options`,
    },
  ];
}

function emptiedCheck(emptied: readonly BuiltTable[]): CheckResult[] {
  const [first] = emptied;
  if (first === undefined) return [];
  const names = listed(emptied.map(tableName));
  const check: CheckResult = {
    name: "dbt_empty_models",
    check: "dbt_empty_models",
    severity: "warn",
    status: "pass",
    table: tableName(first),
    observed: names,
    expected: "no row that a model does not have",
    message: `${names}: the row of NULLs that dbt writes for an empty model was taken out`,
  };
  return [check];
}

/** Whether the folder of NULLs of a table in folders has that row, where others have more. */
async function hasPhantom(store: ReleaseStore, table: BuiltTable): Promise<boolean> {
  const { hive } = table.parquet;
  const tail = hive.map((key) => `${key}=${nullFolder}`).join("/");
  const files = table.files.filter((file) => dirname(file).split(sep).join("/").endsWith(`/${tail}`));
  return hive.length > 0 && files.length > 0 && files.length < table.files.length && isPhantom(store, { ...table, files });
}

/** Damage is for the checks to tell of. */
async function isPhantom(store: ReleaseStore, table: BuiltTable): Promise<boolean> {
  try {
    const footers = await store.engine.parquetFooters(table.files);
    if (footers.reduce((sum, { rows }) => sum + rows, 0) !== 1) return false;
    return await store.engine.isOneRowOfNulls(sourceOf(table));
  } catch (error) {
    if (isLockkeeperError(error, "BUILD_UNFINISHED", "DATABASE_CORRUPT", "QUERY_FAILED")) return false;
    throw error;
  }
}

/** Whatever it is ended at, the row is there or the table is empty: never is it without a file. */
async function empty(store: ReleaseStore, build: BuildFolder, table: BuiltTable): Promise<void> {
  const { platform, engine } = store;
  const place = join(build.folder, ...(table.parquet.builtAt ?? table.parquet.path).split("/"));
  const [only = place] = table.files;
  const isFile = table.files.length === 1 && only === place;
  const folder = isFile ? dirname(place) : place;
  const written = join(folder, isFile ? `.${basename(place)}.empty` : unfinishedFile);
  await removeTree(platform, written);
  await engine.writeEmptyParquet({ ...sourceOf(table), columns: await columnsBefore(store, table) }, written);
  if (isFile) return renameFile(platform, written, place);
  await renameFile(platform, written, join(folder, emptyFile));
  for (const name of await platform.files.list(folder)) if (name !== emptyFile) await removeTree(platform, join(folder, name));
}

/** A folder `k=__HIVE_DEFAULT_PARTITION__` does not tell the type of `k`; the active release does. */
async function columnsBefore(
  store: ReleaseStore,
  table: BuiltTable,
): Promise<readonly { readonly name: string; readonly type: string }[] | undefined> {
  if (table.parquet.hive.length === 0) return undefined;
  const baseline = await activeBaseline(store);
  if ("missing" in baseline) return undefined;
  return baseline.tables.find(({ schema, name }) => schema === table.schema && name === table.name)?.columns;
}
