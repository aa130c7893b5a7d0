import { isOwnName, isPlainName, schemaOf, type Artifact, type ParquetArtifact, type ParquetTable } from "./artifact.ts";
import { groupPaths, pathIndex } from "./path-index.ts";
import type { TablePlace } from "./table-place.ts";

/** Something that lies below a folder; `path` is relative to it, with `/`. */
export interface FolderEntry {
  readonly path: string;
  readonly kind: "file" | "folder" | "symlink" | "other";
}

/** A table of Parquet files, by what lies in a folder. */
export interface FolderTable {
  readonly schema: string;
  readonly name: string;
  /** Where it will lie in the release. */
  readonly parquet: ParquetTable;
  /** Where its files lie now: relative to the folder, with `/`, in the order of their names. */
  readonly files: readonly string[];
  /** Of a table whose writer's own view may hide a row, as `TablePlace` says. */
  readonly hidesRow?: boolean;
}

/** What lies among Parquet files and may not, and why. */
export interface FolderProblem {
  readonly path: string;
  readonly what: string;
}

/** What the Parquet artifacts of a folder hold. */
export interface ParquetFolder {
  readonly tables: readonly FolderTable[];
  readonly problems: readonly FolderProblem[];
}

/** Whether files below a folder may be of a Parquet artifact: not for what is hidden, and not for what is ours at the top. */
export function mayHoldParquet(path: string): boolean {
  const parts = path.split("/");
  return !isOwnName(parts[0] ?? "") && !parts.some((part) => part.startsWith(".") || part.startsWith("_"));
}

/**
 * The Parquet tables of `artifacts` among the files of a folder: each `<table>.parquet` in an artifact's folder is a table, and each folder there with Parquet files, in `key=value` folders too.
 * What other programs leave beside them (hidden files, names that begin with `_`, `.crc`) is passed over; every other file is a problem. What lies at one of `places` is the table that its
 * writer says, and lies as `<schema>/<table>` in the release.
 */
export function parquetFolder(
  artifacts: readonly Artifact[],
  entries: readonly FolderEntry[],
  places: readonly TablePlace[] = [],
): ParquetFolder {
  const problems: FolderProblem[] = [...sharedPlaces(places), ...passedOver(places)];
  const tables: FolderTable[] = [];
  const owned = artifacts.flatMap((artifact) => (artifact.kind === "duckdb" || artifact.path === "." ? [] : [artifact.path]));
  for (const artifact of artifacts) {
    if (artifact.kind !== "parquet") continue;
    const inside = entries.filter(({ path }) => isOf(artifact, path, owned));
    const good = inside.filter((entry) => {
      const what = problemOf(artifact, entry);
      if (what !== undefined) problems.push({ path: entry.path, what });
      return what === undefined;
    });
    const paths = good.map(({ path }) => path);
    const named = groupPaths(places, paths, ({ path }) => path);
    const taken = new Set([...named.values()].flat());
    for (const [place, files] of named) tables.push(namedTable(artifact, { place, files, problems }));
    tables.push(
      ...tablesOf(
        artifact,
        paths.filter((path) => !taken.has(path)),
        problems,
      ),
    );
  }
  const same = namesakes(tables);
  problems.push(...same, ...strangeNames(tables), ...(same.length > 0 ? [] : overlaps(artifacts, tables)));
  return { tables: tables.toSorted(byName), problems };
}

/**
 * The sets of Parquet tables below a folder of which nobody has said more: what lies at its top, and folders of `key=value` folders there, are tables of `main`; those in any other folder are
 * tables of a schema of its name.
 */
export function artifactsIn(entries: readonly FolderEntry[]): ParquetArtifact[] {
  const schemas = new Set<string>();
  for (const { path } of entries) {
    const [folder = "", ...rest] = path.split("/");
    const isTable = rest.length > 1 && rest[0]?.includes("=") === true;
    if (rest.length > 0 && !isTable && path.endsWith(".parquet") && mayHoldParquet(path)) schemas.add(folder);
  }
  return [".", ...schemas].map((path) => ({ kind: "parquet", path }));
}

function isOf({ path: folder }: ParquetArtifact, path: string, owned: readonly string[]): boolean {
  if (!mayHoldParquet(path) || path.endsWith(".crc")) return false;
  if (folder !== ".") return path.startsWith(`${folder}/`);
  // At the top lie the artifacts of other kinds, too, and what a build keeps there for itself.
  return path.endsWith(".parquet") && !owned.some((other) => path === other || path.startsWith(`${other}/`));
}

function problemOf({ path: folder }: ParquetArtifact, { path, kind }: FolderEntry): string | undefined {
  const name = path.split("/").at(-1) ?? "";
  if (kind !== "file") return `is not a regular file (${kind})`;
  if (name.startsWith("tmp_")) return "is an unfinished file of the engine, which was ended while it wrote";
  if (!name.endsWith(".parquet")) return "is not a Parquet file";
  if (/[{}]/.test(name)) return "has a name that was to be filled in: in dbt, `{name}` is no variable";
  const inner = folder === "." ? path : path.slice(folder.length + 1);
  const bad = inner.split("/").find((part) => !isPlainName(part));
  return bad === undefined ? undefined : `has a part in its path that is no plain name: ${JSON.stringify(bad)}`;
}

function tablesOf(artifact: ParquetArtifact, paths: readonly string[], problems: FolderProblem[]): FolderTable[] {
  const schema = schemaOf(artifact);
  const prefix = artifact.path === "." ? "" : `${artifact.path}/`;
  const byTable = new Map<string, string[]>();
  for (const path of paths) {
    const first = path.slice(prefix.length).split("/")[0] ?? "";
    const files = byTable.get(first);
    if (files === undefined) byTable.set(first, [path]);
    else files.push(path);
  }
  return [...byTable].map(([first, files]) => {
    const isFile = files.length === 1 && files[0] === `${prefix}${first}`;
    const name = isFile ? first.slice(0, -".parquet".length) : first;
    const hive = isFile ? [] : hiveOf(`${prefix}${first}`, files, problems);
    return { schema, name, parquet: { path: `${prefix}${first}`, files: files.length, hive }, files };
  });
}

interface Named {
  readonly place: TablePlace;
  readonly files: readonly string[];
  readonly problems: FolderProblem[];
}

/** A schema that is configured goes before the one that the writer says. */
function namedTable(artifact: ParquetArtifact, { place, files, problems }: Named): FolderTable {
  const { name, path: builtAt } = place;
  const schema = artifact.schema ?? place.schema;
  const isFile = files.length === 1 && files[0] === builtAt;
  const path = `${schema}/${name}${isFile ? ".parquet" : ""}`;
  const hive = isFile ? [] : hiveOf(builtAt, files, problems);
  const own = schema === place.schema ? {} : { builtSchema: place.schema };
  return { schema, name, parquet: { path, files: files.length, hive, builtAt, ...own }, files, hidesRow: place.hidesRow };
}

/** A table whose file is called like what other programs leave would be missing in silence. */
function passedOver(places: readonly TablePlace[]): FolderProblem[] {
  return places.flatMap(({ schema, name, path }) => {
    const last = path.split("/").at(-1) ?? "";
    const isItsOwn = last.replace(/\.parquet$/, "").toLowerCase() === name.toLowerCase();
    return isItsOwn && !mayHoldParquet(last)
      ? [{ path, what: `is table ${schema}.${name}, and what begins with "_" or "." is passed over: give its file another name` }]
      : [];
  });
}

/** Two views that show the same files: which of them the table is, nobody can tell. */
function sharedPlaces(places: readonly TablePlace[]): FolderProblem[] {
  const first = pathIndex(places, ({ path }) => path);
  const around = (place: TablePlace) => {
    const there = first(place.path);
    return there === place ? first(place.path.slice(0, Math.max(place.path.lastIndexOf("/"), 0))) : there;
  };
  return places.flatMap((place) => {
    const other = around(place);
    if (other === undefined) return [];
    const views = [other, place].map(({ schema, name }) => `${schema}.${name}`);
    return [{ path: place.path, what: `is named by two views, ${views.join(" and ")}: give each table a file of its own` }];
  });
}

/** What is to lie in a release where a table of another name does, or inside its folder: readers would take it for that table's. Compares without case, as some systems do. */
function overlaps(artifacts: readonly Artifact[], tables: readonly FolderTable[]): FolderProblem[] {
  const all = [
    ...artifacts.flatMap((artifact) =>
      artifact.kind === "sqlite" ? [{ path: artifact.path, what: "a SQLite file", builtAt: undefined }] : [],
    ),
    ...tables.map(({ schema, name, parquet }) => ({
      path: parquet.path,
      what: `table ${schema}.${name}`,
      builtAt: parquet.builtAt,
    })),
  ].map((each) => ({ ...each, key: each.path.toLowerCase() }));
  const first = pathIndex(all, ({ key }) => key);
  return all.flatMap((each) => {
    const there = first(each.key);
    const other = there === each ? first(each.key.slice(0, Math.max(each.key.lastIndexOf("/"), 0))) : there;
    const named = each.builtAt === undefined ? other : each;
    if (other === undefined || named?.builtAt === undefined) return [];
    const what = `is ${named.what}, to lie at ${named.path} in the release, where ${(named === each ? other : each).what} lies, too`;
    return [{ path: named.builtAt, what }];
  });
}

/** A schema and a table that are to be a folder and a file of the release. */
function strangeNames(tables: readonly FolderTable[]): FolderProblem[] {
  return tables.flatMap(({ schema, name, parquet }) => {
    const strange = [schema, name].find((part) => !isPlainName(part));
    const isOurs = isOwnName(schema) || parquet.path === "release.json";
    if (parquet.builtAt === undefined || (strange === undefined && !isOurs)) return [];
    return [
      {
        path: parquet.builtAt,
        what: `is table ${schema}.${name}, and ${JSON.stringify(strange ?? schema)} cannot be a name of a release's files`,
      },
    ];
  });
}

/** The keys of a table's folders, which all of its files have alike. */
function hiveOf(folder: string, files: readonly string[], problems: FolderProblem[]): string[] {
  const keysOf = (path: string) =>
    path
      .slice(folder.length + 1)
      .split("/")
      .slice(0, -1)
      .flatMap((part) => /^([^=]+)=/.exec(part)?.[1] ?? []);
  const keys = keysOf(files[0] ?? "");
  const other = files.find((path) => keysOf(path).join("/") !== keys.join("/"));
  if (other !== undefined)
    problems.push({
      path: other,
      what: `does not lie in folders ${keys.map((key) => `${key}=…`).join("/") || "without keys"} as the table's first file does`,
    });
  return keys;
}

/** Names compare without case, as in SQL. */
function namesakes(tables: readonly FolderTable[]): FolderProblem[] {
  const seen = new Map<string, FolderTable>();
  return tables.flatMap((table) => {
    const key = JSON.stringify([table.schema.toLowerCase(), table.name.toLowerCase()]);
    const first = seen.get(key);
    seen.set(key, first ?? table);
    return first === undefined
      ? []
      : [{ path: table.parquet.path, what: `is table ${table.schema}.${table.name}, and so is ${first.parquet.path}` }];
  });
}

function byName(left: FolderTable, right: FolderTable): number {
  const [a, b] = [JSON.stringify([left.schema, left.name]), JSON.stringify([right.schema, right.name])];
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
