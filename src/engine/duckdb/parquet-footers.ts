import type { DuckDBConnection } from "@duckdb/node-api";
import { throwIfInterrupted } from "../../errors/interrupted.ts";
import { firstLine, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { ParquetFooter } from "../../model/artifact.ts";
import type { Platform } from "../../platform/port.ts";
import { createInstance } from "./instance.ts";
import { assertParquetEnds } from "./parquet-ends.ts";
import { fileList } from "./parquet-files.ts";

/** Files of one statement: enough to make its cost small (10,000 small files take 5 s in all, on two busy cores), few enough to stop soon. */
const filesPerQuery = 500;

/** A column of a schema. */
interface SchemaColumn {
  readonly name: string;
  readonly type: string;
  /** Its place among the columns that hold values; `undefined` for a nested one, which has several. */
  readonly leaf: number | undefined;
  /** Whether the file says that none of its values is NULL. */
  readonly required: boolean;
}

/** An element of a file's schema, in the order of the file: a folder before what lies in it. */
interface SchemaElement {
  readonly name: string;
  readonly children: number | undefined;
  readonly required: boolean;
}

/**
 * What the ends of Parquet files tell, in the order of `paths`: rows, columns as the engine reads them, and how many of each are NULL, which is `undefined` for nested ones. Reads no data.
 * Throws `FILE_MISSING`, `BUILD_UNFINISHED` for a file without an end, `DATABASE_CORRUPT` for other damage, each with the file; `INTERRUPTED`.
 */
export async function parquetFooters(
  platform: Platform,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<ParquetFooter[]> {
  if (paths.length === 0) return [];
  const instance = await createInstance({});
  try {
    const connection = await instance.connect();
    try {
      const schemas = new Map<string, readonly SchemaColumn[]>();
      const footers: ParquetFooter[] = [];
      for (let first = 0; first < paths.length; first += filesPerQuery) {
        throwIfInterrupted(signal, "reading Parquet files");
        const part = paths.slice(first, first + filesPerQuery);
        await assertParquetEnds(platform, part);
        footers.push(...(await footersOf(connection, schemas, part)));
      }
      throwIfInterrupted(signal, "reading Parquet files");
      return footers;
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

async function footersOf(
  connection: DuckDBConnection,
  schemas: Map<string, readonly SchemaColumn[]>,
  paths: readonly string[],
): Promise<ParquetFooter[]> {
  try {
    return await readFooters(connection, schemas, paths);
  } catch (error) {
    const [path, ...others] = paths;
    if (path === undefined) return [];
    if (others.length === 0) throw damaged(path, error);
    // The engine does not always say which file it is.
    const half = Math.ceil(paths.length / 2);
    const before = await footersOf(connection, schemas, paths.slice(0, half));
    return [...before, ...(await footersOf(connection, schemas, paths.slice(half)))];
  }
}

async function readFooters(
  connection: DuckDBConnection,
  schemas: Map<string, readonly SchemaColumn[]>,
  paths: readonly string[],
): Promise<ParquetFooter[]> {
  const files = fileList([...new Set(paths)]);
  const found = new Map((await rowsOf(connection, footersSql(files))).map(([path, ...told]) => [String(path), told]));
  const footers: ParquetFooter[] = [];
  for (const path of paths) {
    const [rows, told, counts] = found.get(path) ?? [];
    const shape = String(told);
    const columns = schemas.get(shape) ?? (await schemaOf(connection, path));
    schemas.set(shape, columns);
    const nulls = (counts ?? undefined) as readonly (string | null)[] | undefined;
    footers.push({ path, rows: Number(rows), columns: columns.map((column) => withNulls(column, nulls)) });
  }
  return footers;
}

/** Each file is read once. Files of a table have one schema, as a rule: whose hash is new is looked at more closely. */
function footersSql(files: string): string {
  return `
    WITH footers AS MATERIALIZED (
      SELECT parquet_file_metadata[1].file_name AS file, parquet_file_metadata[1].num_rows AS rows,
        md5(to_json(list_transform(parquet_schema, lambda e: {n: e.name, t: e.type, l: e.type_length, r: e.repetition_type, k: e.num_children, c: e.converted_type,
          s: e.scale, p: e.precision, o: e.logical_type, d: e.duckdb_type}))::VARCHAR) AS shape,
        list_transform(parquet_metadata, lambda m: {c: m.column_id, n: m.stats_null_count}) AS counts
      FROM parquet_full_metadata(${files})
    ), nulls AS (
      SELECT file, list(nulls ORDER BY c) AS nulls FROM (
        SELECT file, one.c AS c, CASE WHEN count(*) = count(one.n) THEN sum(one.n)::BIGINT END AS nulls
        FROM (SELECT file, unnest(counts) AS one FROM footers) GROUP BY ALL) GROUP BY file
    )
    SELECT file, rows, shape, nulls FROM footers LEFT JOIN nulls USING (file)`;
}

/** A file without any row has no row groups, and so no statistics. */
function withNulls(
  { name, type, leaf, required }: SchemaColumn,
  counts: readonly (string | null)[] | undefined,
): ParquetFooter["columns"][number] {
  if (leaf === undefined) return { name, type, nulls: undefined };
  if (required || counts === undefined) return { name, type, nulls: 0 };
  const count = counts[leaf] ?? undefined;
  return { name, type, nulls: count === undefined ? undefined : Number(count) };
}

/** The engine's own types, which nested columns and those of some writers have only here. */
async function schemaOf(connection: DuckDBConnection, path: string): Promise<readonly SchemaColumn[]> {
  const file = fileList([path]);
  const described = await rowsOf(connection, `DESCRIBE SELECT * FROM read_parquet(${file}, hive_partitioning = false)`);
  const elements = await rowsOf(
    connection,
    `SELECT name, num_children, repetition_type FROM parquet_schema(${file}) ORDER BY column_id`,
  );
  const tops = topLevel(
    elements.map(([name, children, repetition]) => ({
      name: String(name),
      children: children === null ? undefined : Number(children),
      required: repetition === "REQUIRED",
    })),
  );
  return described.map(([name, type], index) => ({
    name: String(name),
    type: String(type),
    leaf: tops[index]?.leaf,
    required: tops[index]?.required ?? false,
  }));
}

/** The columns of a table among the elements of its schema, whose first is the root. */
function topLevel([, ...elements]: readonly SchemaElement[]): Pick<SchemaColumn, "leaf" | "required">[] {
  const tops: Pick<SchemaColumn, "leaf" | "required">[] = [];
  let leaf = 0;
  /** Elements still to come of the column at hand. */
  let inside = 0;
  for (const { children = 0, required } of elements) {
    if (inside === 0) tops.push({ leaf: children > 0 ? undefined : leaf, required });
    inside = Math.max(0, inside - 1) + children;
    if (children === 0) leaf += 1;
  }
  return tops;
}

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<readonly (readonly unknown[])[]> {
  return (await connection.runAndReadAll(sql)).getRowsJson();
}

function damaged(path: string, error: unknown): LockkeeperError {
  return new LockkeeperError("DATABASE_CORRUPT", `${path} is damaged: ${firstLine(error).replace(/^[\w ]+ Error: /, "")}`, {
    hint: "Write the file again.",
    subject: path,
    cause: error,
  });
}
