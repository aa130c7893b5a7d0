import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { ParquetFooter } from "../../model/artifact.ts";
import type { CheckResult } from "../../model/check.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import type { Built, BuiltTable } from "../artifacts/built.ts";
import type { ReleaseStore } from "../store.ts";
import { fail, listed, pass, tableName } from "./context.ts";

const files = {
  name: "artifact_files",
  check: "artifact_files",
  severity: "error",
  expected: "Parquet files and nothing else",
} as const;
const footers = {
  name: "parquet_footers",
  check: "parquet_footers",
  severity: "error",
  expected: "every file has its end",
} as const;
const schema = {
  name: "parquet_schema",
  check: "parquet_schema",
  severity: "error",
  expected: "the files of a table have the same columns",
} as const;
const names = { name: "artifact_names", check: "artifact_names", severity: "error", expected: "each table once" } as const;

/** What the Parquet files of a release told by themselves, before anything is opened on them. */
export interface LookedAt {
  readonly results: CheckResult[];
  /** By absolute path; `undefined` where the files may not be opened as tables. */
  readonly footers: ReadonlyMap<string, ParquetFooter> | undefined;
}

/**
 * Looks at a release's Parquet files: only such files lie there, each is whole, and those of one table have the same columns, for the engine would take the first file's for all. No results where
 * a release has none. Throws `INTERRUPTED`, and what the system says of a disk.
 */
export async function lookAtFiles(store: ReleaseStore, built: Built, signal: AbortSignal | undefined): Promise<LookedAt> {
  if (built.tables.length === 0 && built.problems.length === 0) return { results: [], footers: new Map() };
  const [problem] = built.problems;
  if (problem !== undefined) {
    const observed = listed(built.problems.map(({ path }) => path));
    return { results: [fail(files, observed, `${problem.path} ${problem.what}`)], footers: undefined };
  }
  const results = [pass(files, `${built.files.length} files`, "only Parquet files lie in the folders of tables")];
  const paths = built.tables.flatMap((table) => table.files);
  let read: readonly ParquetFooter[];
  try {
    read = await store.engine.parquetFooters(paths, signal);
  } catch (error) {
    if (!isLockkeeperError(error, "BUILD_UNFINISHED", "DATABASE_CORRUPT")) throw error;
    return { results: [...results, fail(footers, error.subject ?? error.code, error.message)], footers: undefined };
  }
  results.push(pass(footers, `${paths.length} files`, "every Parquet file is whole"));
  const byPath = new Map(read.map((footer, index) => [paths[index] ?? "", footer]));
  const uneven = built.tables.flatMap((table) => unevenIn(table, byPath));
  const [first] = uneven;
  if (first === undefined)
    return { results: [...results, pass(schema, "the same", "the files of each table have the same columns")], footers: byPath };
  return { results: [...results, fail(schema, listed(uneven.map(({ path }) => path)), first.what)], footers: undefined };
}

function unevenIn(
  table: BuiltTable,
  byPath: ReadonlyMap<string, ParquetFooter>,
): { readonly path: string; readonly what: string }[] {
  const shapeOf = (path: string) => byPath.get(path)?.columns.map(({ name, type }) => `${name} ${type}`) ?? [];
  const [first = "", ...others] = table.files;
  const expected = shapeOf(first);
  return others.flatMap((path) => {
    const shape = shapeOf(path);
    if (shape.join(",") === expected.join(",")) return [];
    const differing = shape.find((column, index) => column !== expected[index]) ?? expected[shape.length] ?? "";
    return [
      {
        path,
        what: `${path} has other columns than ${first}, the first file of ${tableName(table)}: it differs at ${differing}`,
      },
    ];
  });
}

/** Each table lies in one place, and no schema of Parquet tables is called as the DuckDB file is attached: the engine could not tell which is meant. */
export function checkNames(tables: readonly ReleaseTable[], database: string | undefined): CheckResult[] {
  const parquet = tables.filter((table) => table.parquet !== undefined);
  if (parquet.length === 0 || database === undefined) return [];
  const key = (table: ReleaseTable) => JSON.stringify([table.schema.toLowerCase(), table.name.toLowerCase()]);
  const others = new Set(tables.filter((table) => table.parquet === undefined).map(key));
  const twice = parquet.find((table) => others.has(key(table)));
  if (twice)
    return [
      fail(
        { ...names, table: tableName(twice) },
        tableName(twice),
        `${tableName(twice)} is a table of the DuckDB file and one of Parquet files`,
      ),
    ];
  const homonym = parquet.find((table) => table.schema.toLowerCase() === database.toLowerCase());
  if (homonym)
    return [
      fail(
        { ...names, table: tableName(homonym) },
        homonym.schema,
        `the schema ${homonym.schema} is called like the DuckDB file, ${database}: give the artifact another \`schema\``,
      ),
    ];
  return [pass(names, "each once", "every table lies in one place")];
}

/** Tables as the release's record has them: where those of Parquet files lie, and how many values of each column are NULL. */
export function recordedTables(
  tables: readonly ReleaseTable[],
  built: Built,
  read: ReadonlyMap<string, ParquetFooter>,
): ReleaseTable[] {
  const known = new Map(built.tables.map((table) => [JSON.stringify([table.schema, table.name]), table]));
  return tables.map((table) => {
    const found = table.parquet === undefined ? undefined : known.get(JSON.stringify([table.schema, table.name]));
    if (found === undefined) return table;
    const nulls = nullsOf(found.files.map((path) => read.get(path)));
    const columns = table.columns.map((column) => {
      const count = nulls.get(column.name);
      return count === undefined ? column : { ...column, nulls: count };
    });
    return { ...table, columns, parquet: found.parquet };
  });
}

/** NULLs by column over all files; a column that one file tells nothing of is left out. */
function nullsOf(read: readonly (ParquetFooter | undefined)[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number | undefined>();
  for (const [index, footer] of read.entries()) {
    for (const { name, nulls } of footer?.columns ?? []) {
      const before = index === 0 ? 0 : counts.get(name);
      counts.set(name, before === undefined || nulls === undefined ? undefined : before + nulls);
    }
  }
  return new Map([...counts].flatMap(([name, count]) => (count === undefined ? [] : [[name, count]])));
}
