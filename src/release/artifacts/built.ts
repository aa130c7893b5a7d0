import { join } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { builtPath, isDatabaseOnly, releasePath, type ParquetSource, type ParquetTable } from "../../model/artifact.ts";
import { mayHoldParquet, parquetFolder, type FolderProblem } from "../../model/parquet-folder.ts";
import { groupPaths, pathIndex } from "../../model/path-index.ts";
import type { ReleaseRecord } from "../../model/release-record.ts";
import type { TablePlace } from "../../model/table-place.ts";
import { listTree } from "../../platform/tree.ts";
import type { BuildFolder } from "../build/folder.ts";
import type { StoredRecord } from "../records.ts";
import type { ReleaseStore } from "../store.ts";

/** A table of Parquet files, and where it lies. */
export interface BuiltTable {
  readonly schema: string;
  readonly name: string;
  readonly parquet: ParquetTable;
  /** Absolute paths. */
  readonly files: readonly string[];
  /** Whether its writer's view may hide a row of NULLs, as `TablePlace` says. */
  readonly hidesRow?: boolean;
}

/** A file of those tables; both paths with `/`. */
export interface BuiltFile {
  /** Relative to the build's folder. */
  readonly source: string;
  /** Relative to the release's. */
  readonly name: string;
}

/** What lies among a build's Parquet files. */
export interface Built {
  /** By schema and name. */
  readonly tables: readonly BuiltTable[];
  readonly files: readonly BuiltFile[];
  /** What may not be there, and why. */
  readonly problems: readonly FolderProblem[];
}

/** What a build has written into the folders of its Parquet artifacts, whose tables its writer has said lie at `places`. Throws `BUILD_EMPTY` for an artifact with nothing in it. */
export async function listBuilt(store: ReleaseStore, build: BuildFolder, places: readonly TablePlace[]): Promise<Built> {
  const built = await listParquet(store, build.folder, places);
  for (const artifact of store.artifacts) {
    if (artifact.kind !== "parquet") continue;
    const prefix = artifact.path === "." ? "" : `${artifact.path}/`;
    const present = [...built.files.map(({ source }) => source), ...built.problems.map(({ path }) => path)];
    const has = present.some((path) => path.startsWith(prefix));
    if (has) continue;
    const folder = join(build.folder, ...artifact.path.split("/"));
    throw new LockkeeperError("BUILD_EMPTY", `the build ended, but no Parquet file lies in ${folder}`, {
      hint: "Write <table>.parquet, or <table>/<file>.parquet, below the folder in PARQUET_DIR.",
      subject: folder,
    });
  }
  return built;
}

async function listParquet(store: ReleaseStore, folder: string, places: readonly TablePlace[] = []): Promise<Built> {
  if (isDatabaseOnly(store.artifacts)) return { tables: [], files: [], problems: [] };
  const entries = (await listTree(store.platform, folder, mayHoldParquet)).map(({ path, stat }) => ({ path, kind: stat.kind }));
  const { tables, problems } = parquetFolder(store.artifacts, entries, places);
  const absolute = tables.map((table) => ({ ...table, files: table.files.map((path) => join(folder, ...path.split("/"))) }));
  const files = tables.flatMap((table) => table.files.map((source) => ({ source, name: releasePath(table.parquet, source) })));
  return { tables: absolute, files, problems };
}

/** A built table as the engine is to show it. */
export function sourceOf({ schema, name, files, parquet }: BuiltTable): ParquetSource {
  return { schema, name, files, hive: parquet.hive };
}

/** The Parquet tables of a release by its record, whose files lie below `folder`. */
export function tablesOfRecord(
  { tables, files, release }: Pick<ReleaseRecord, "tables" | "files" | "release">,
  folder: string,
): BuiltTable[] {
  const prefix = `releases/${release}/`;
  const paths = files.map(({ path }) => path.slice(prefix.length));
  const groups = groupPaths(tables, paths, ({ parquet }) => parquet?.path ?? "");
  return tables.flatMap((table) => {
    const { schema, name, parquet } = table;
    const own = groups.get(table) ?? [];
    return parquet === undefined ? [] : [{ schema, name, parquet, files: own.map((path) => join(folder, ...path.split("/"))) }];
  });
}

/** Whether a build still has what it wrote: an install that moved it has left nothing. */
export async function hasData(store: ReleaseStore, build: BuildFolder): Promise<boolean> {
  const { files } = store.platform;
  if (build.hasDatabase) return (await files.stat(build.path)) !== undefined;
  for (const artifact of store.artifacts) {
    if (artifact.kind === "sqlite" && (await files.stat(join(build.folder, ...artifact.path.split("/")))) !== undefined)
      return true;
  }
  return (await listParquet(store, build.folder)).files.length > 0;
}

/** The records, of those given, of the very files that a build has now. */
export async function recordsOfBuild(
  store: ReleaseStore,
  build: BuildFolder,
  { among, signal }: { readonly among: readonly StoredRecord[]; readonly signal: AbortSignal | undefined },
): Promise<StoredRecord[]> {
  const others = store.artifacts.flatMap((artifact) => (artifact.kind === "sqlite" ? [artifact.path] : []));
  const names = [
    ...(build.hasDatabase ? [`${build.basename}.duckdb`] : []),
    ...others,
    ...(await listParquet(store, build.folder)).files.map(({ source }) => source),
  ];
  const paths = names.map((name) => join(build.folder, ...name.split("/")));
  const stats = await Promise.all(paths.map((path) => store.platform.files.stat(path)));
  if (stats.some((stat) => stat?.kind !== "file")) return [];
  const digests = await store.engine.digest(paths, signal);
  const shape = (files: readonly { readonly path: string; readonly sha256: string }[]) =>
    files
      .map(({ path, sha256 }) => `${sha256} ${path}`)
      .toSorted()
      .join("\n");
  const now = shape(digests.map(({ sha256 }, index) => ({ path: names[index] ?? "", sha256 })));
  return among.filter(({ record }) => {
    const prefix = `releases/${record.release}/`;
    const placeOf = builtPathIn(record);
    const then = record.files.map(({ path, sha256 }) => ({ path: placeOf(path.slice(prefix.length)), sha256 }));
    return shape(then) === now;
  });
}

/** Where a build wrote a file of a release; the path that is given is relative to the release's folder. */
export function builtPathIn({ tables }: Pick<ReleaseRecord, "tables">): (path: string) => string {
  const tableAt = pathIndex(
    tables.flatMap(({ parquet }) => parquet ?? []),
    ({ path }) => path,
  );
  return (path) => {
    const table = tableAt(path);
    return table === undefined ? path : builtPath(table, path);
  };
}
