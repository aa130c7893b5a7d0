import type { DuckDBDataChunk, DuckDBMaterializedResult, DuckDBResult, DuckDBType, DuckDBValueConverter } from "@duckdb/node-api";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { uniqueNames } from "../../model/column-names.ts";
import type { QueryColumn, QueryRows, ValueForm } from "../../model/query.ts";
import { formatBytes } from "../../model/units.ts";
import type { Driver } from "./driver.ts";
import { exactly, type Convert } from "./exact-value.ts";
import { valueBytes } from "./value-bytes.ts";

/** How a result is read. */
export interface ReadOptions {
  readonly values: ValueForm;
  /** See `QueryOptions`. */
  readonly bytesMax?: number | undefined;
  /** Column names to use in place of the result's own. */
  readonly names?: readonly string[] | undefined;
}

/** A materialised result as rows. Never used with a streaming one, which ends early in silence when it fails (FACTS 1.7). */
export function readResult(
  driver: Driver,
  result: DuckDBMaterializedResult,
  { values, names, bytesMax }: ReadOptions,
): QueryRows {
  const columns = columnsOf(result, { names });
  const converters = convertersOf(driver, result.columnTypes(), values);
  const rows: unknown[][] = [];
  const count = bytesMax === undefined ? undefined : countUpTo(bytesMax);
  for (let index = 0; index < result.chunkCount; index += 1) {
    for (const row of readChunk(result.getChunk(index), converters, count)) rows.push(row);
  }
  return { columns, rows, objects: () => objectsOf(columns, rows) };
}

/** What makes the values of each column, which are not NULL, into a form. Throws what `exactly` throws. */
export function convertersOf(driver: Driver, types: readonly DuckDBType[], values: ValueForm): Convert[] {
  if (values === "exact" || values === "numbers") return types.map((type) => exactly(driver, type, values));
  const convert = (
    values === "js" ? driver.JSDuckDBValueConverter : driver.JsonDuckDBValueConverter
  ) as DuckDBValueConverter<unknown>;
  return types.map((type) => (value) => convert(value, type, convert));
}

/** The columns of a result, or the first `count` of them. */
export function columnsOf(
  result: DuckDBResult,
  { names, count = result.columnCount }: Pick<ReadOptions, "names"> & { readonly count?: number },
): QueryColumn[] {
  return Array.from({ length: count }, (_, index) => ({
    name: names?.[index] ?? result.columnName(index),
    type: result.columnType(index).toString(),
  }));
}

/** The columns of a chunk that there are conversions for, the first ones, as rows. `count` is told each value, and may throw. */
export function readChunk(chunk: DuckDBDataChunk, converters: readonly Convert[], count?: (value: unknown) => void): unknown[][] {
  const rows: unknown[][] = Array.from({ length: chunk.rowCount }, () => []);
  // By column, for each column has one type and so one conversion.
  for (const [column, convert] of converters.entries()) {
    const vector = chunk.getColumnVector(column);
    for (const [offset, row] of rows.entries()) {
      const value = vector.getItem(offset);
      row[column] = value === null ? null : convert(value);
      count?.(row[column]);
    }
  }
  return rows;
}

/** Throws `LIMIT_BYTES` with the value that is too much, before the next one is converted. */
function countUpTo(bytesMax: number): (value: unknown) => void {
  let bytes = 0;
  return (value) => {
    bytes += valueBytes(value);
    if (bytes <= bytesMax) return;
    throw new LockkeeperError("LIMIT_BYTES", `the result's values are larger than ${formatBytes(bytesMax)} (${bytesMax} bytes)`, {
      hint: "Ask for fewer rows or columns, read it as a stream, or raise the limit of bytes.",
    });
  };
}

/** `LIMIT_ROWS`. */
export function tooManyRows(rowsMax: number): LockkeeperError {
  return new LockkeeperError("LIMIT_ROWS", `the result has more than ${rowsMax} rows`, {
    hint: "Add a LIMIT or aggregate, or raise the limit of rows.",
  });
}

function objectsOf(columns: readonly QueryColumn[], rows: readonly (readonly unknown[])[]): Record<string, unknown>[] {
  const keys = uniqueNames(columns.map(({ name }) => name));
  // Object.fromEntries defines properties: a column named `__proto__` stays a column (FACTS 1.11).
  return rows.map((row) => Object.fromEntries(keys.map((key, index) => [key, row[index]])));
}
