import type { DuckDBInstance } from "@duckdb/node-api";
import { firstLine, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { nullFolder, parquetCatalogue, type ParquetSource } from "../../model/artifact.ts";
import { engineError } from "./errors.ts";
import { fileList, literalPath } from "./parquet-files.ts";
import { quoteIdentifier, quoteLiteral } from "./sql-text.ts";

/** The column that tells a row's file, where values must be taken out of its path. No table of people has one of this name. */
const fileColumn = "__lockkeeper_file";

/**
 * Makes a view of each Parquet table, in the in-memory catalogue: over its files by name, never over a pattern. While the instance is used paths do not change their bytes, so footers are
 * kept (a query of a file with 98 row groups of 100 columns: 10.5 ms without, 1.9 ms with). On failure the instance is closed. Throws `FILE_MISSING`, `PERMISSION_DENIED`, `LIMIT_FILES`, and `DATABASE_CORRUPT`
 * for a table that does not bind; each names a file.
 */
export async function showParquet(instance: DuckDBInstance, sources: readonly ParquetSource[]): Promise<DuckDBInstance> {
  if (sources.length === 0) return instance;
  const connection = await instance.connect();
  try {
    await connection.run("SET GLOBAL parquet_metadata_cache = true");
    for (const source of sources) {
      try {
        const schema = `${parquetCatalogue}.${quoteIdentifier(source.schema)}`;
        await connection.run(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
        await connection.run(`CREATE VIEW ${schema}.${quoteIdentifier(source.name)} AS ${parquetSelect(source)}`);
      } catch (error) {
        throw unbound(error, source);
      }
    }
    return instance;
  } catch (error) {
    connection.closeSync();
    instance.closeSync();
    throw engineError(error);
  } finally {
    connection.closeSync();
  }
}

/**
 * What a connection searches, in order: the database's `main`, `main` of the Parquet tables, and each of their schemas, behind the database's schema of the same name. A name with a
 * schema is looked for in every entry of that schema. `database` is `undefined` where none is attached.
 */
export async function searchPathOf(
  instance: DuckDBInstance,
  database: string | undefined,
  sources: readonly ParquetSource[],
): Promise<string> {
  const own = (schema: string): string[] => (database === undefined ? [] : [qualified(database, schema)]);
  if (sources.length === 0) return own("main")[0] ?? qualified(parquetCatalogue, "main");
  const present = await schemasOf(instance, database);
  const schemas = new Map(sources.map(({ schema }) => [schema.toLowerCase(), schema]));
  schemas.delete("main");
  const rest = [...schemas].flatMap(([lower, schema]) => [
    ...(present.has(lower) ? own(schema) : []),
    qualified(parquetCatalogue, schema),
  ]);
  return [...own("main"), qualified(parquetCatalogue, "main"), ...rest].join(",");
}

async function schemasOf(instance: DuckDBInstance, database: string | undefined): Promise<ReadonlySet<string>> {
  if (database === undefined) return new Set();
  const connection = await instance.connect();
  try {
    const sql = `SELECT lower(schema_name) FROM duckdb_schemas() WHERE database_name = ${quoteLiteral(database)}`;
    return new Set((await connection.runAndReadAll(sql)).getRows().map(([name]) => String(name)));
  } finally {
    connection.closeSync();
  }
}

/** Equal sources give equal keys. */
export function parquetKey(sources: readonly ParquetSource[]): string {
  return JSON.stringify(
    sources.map(({ schema, name, files, hive, columns, state }) => [schema, name, files, hive, columns ?? null, state ?? null]),
  );
}

function qualified(catalogue: string, schema: string): string {
  return `${quoteIdentifier(catalogue)}.${quoteIdentifier(schema)}`;
}

/** The query of a table of Parquet files. Options are said in full: what the engine guesses by itself takes `key=value` of any folder on the way for a column. */
export function parquetSelect(source: ParquetSource): string {
  const files = fileList(source.files);
  if (source.hive.length === 0) {
    return `SELECT ${listed(source)} FROM read_parquet(${files}, hive_partitioning = false, union_by_name = false)`;
  }
  if (!source.files.every((file) => hasOnlyKeys(file, source.hive))) return selectByPath(source, files);
  const types = source.hive.flatMap((key) => {
    const type = typeIn(source, key);
    return type === undefined ? [] : [`${quoteLiteral(key)}: ${quoteLiteral(type)}`];
  });
  const pinned = types.length === 0 ? "" : `, hive_types = {${types.join(", ")}}`;
  return `SELECT ${listed(source)} FROM read_parquet(${files}, hive_partitioning = true${pinned}, union_by_name = false)`;
}

/**
 * The engine reads the first `key=value` of a path, which a folder above the store may have, and shows it in place of a column of that name. Where there is more than the table's own keys,
 * they are taken out of the path here, each at its last place. The price: a filter on one of them leaves out no file.
 */
function selectByPath(source: ParquetSource, files: string): string {
  const values = new Map(source.hive.map((key) => [key.toLowerCase(), valueOf(source, key)]));
  const from = `FROM read_parquet(${files}, hive_partitioning = false, union_by_name = false, filename = ${quoteLiteral(fileColumn)})`;
  if (source.columns !== undefined) {
    const columns = source.columns.map(({ name }) => {
      const value = values.get(name.toLowerCase());
      return value === undefined ? quoteIdentifier(name) : `${value} AS ${quoteIdentifier(name)}`;
    });
    return `SELECT ${columns.join(", ")} ${from}`;
  }
  const hidden = [fileColumn, ...values.keys()].map(quoteLiteral).join(", ");
  const added = source.hive.map((key) => `${valueOf(source, key)} AS ${quoteIdentifier(key)}`);
  return `SELECT COLUMNS(name -> lower(name) NOT IN (${hidden})), ${added.join(", ")} ${from}`;
}

function valueOf(source: ParquetSource, key: string): string {
  const pattern = quoteLiteral(String.raw`(?s).*[/\\]${escaped(key)}=([^/\\]*)[/\\]`);
  const text = `nullif(regexp_extract(${quoteIdentifier(fileColumn)}, ${pattern}, 1), ${quoteLiteral(nullFolder)})`;
  return `CAST(url_decode(${text}) AS ${typeIn(source, key) ?? guessedType(source, key)})`;
}

function listed({ columns }: ParquetSource): string {
  return columns === undefined ? "*" : columns.map(({ name }) => quoteIdentifier(name)).join(", ");
}

function typeIn({ columns }: ParquetSource, key: string): string | undefined {
  return columns?.find(({ name }) => name.toLowerCase() === key.toLowerCase())?.type;
}

/** Whether the engine finds these keys in a path, each once, and nothing else. */
function hasOnlyKeys(file: string, hive: readonly string[]): boolean {
  const pairs = pairsIn(file);
  return (
    pairs.length === hive.length && pairs.every(({ key, value }, index) => key === hive[index] && !/[=%?\n]/.test(key + value))
  );
}

/** `key=value` in the folders of a path. */
function pairsIn(file: string): { readonly key: string; readonly value: string }[] {
  return file
    .split(/[/\\]/)
    .slice(0, -1)
    .flatMap((part) => {
      const at = part.indexOf("=");
      return at > 0 ? [{ key: part.slice(0, at), value: part.slice(at + 1) }] : [];
    });
}

const types: readonly (readonly [string, RegExp])[] = [
  ["DATE", /^\d{4}-\d\d-\d\d$/],
  ["TIMESTAMP", /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?$/],
  ["BIGINT", /^-?\d{1,18}$/],
];

/** What the engine would take the values for: it tries these three, and is content with one that all values have. */
function guessedType(source: ParquetSource, key: string): string {
  const values = source.files.map((file) => decoded(pairsIn(file).findLast((pair) => pair.key === key)?.value ?? ""));
  return types.find(([, pattern]) => values.every((value) => pattern.test(value)))?.[0] ?? "VARCHAR";
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

/** Our error for a table that cannot be shown: with the file that the engine names, else the first. */
function unbound(error: unknown, { schema, name, files }: ParquetSource): LockkeeperError {
  const line = firstLine(error);
  const file = files.find((path) => line.includes(path) || line.includes(literalPath(path))) ?? files[0] ?? "";
  const known = engineError(error, { path: file }).code;
  const missing = /No files found that match|No such file or directory/.test(line);
  const reason = ["PERMISSION_DENIED", "LIMIT_FILES", "IO_FAILED"].includes(known) ? known : "DATABASE_CORRUPT";
  const code = missing ? "FILE_MISSING" : reason;
  return new LockkeeperError(
    code,
    `table ${schema}.${name} cannot be read from ${file}: ${line.replace(/^[\w ]+ Error: /, "")}`,
    {
      hint: "Roll back to another release, or restore the file from a backup; `check` tells which releases are whole.",
      subject: file,
      cause: error,
    },
  );
}
