import type { DuckDBMaterializedResult, DuckDBValueConverter } from "@duckdb/node-api";
import type { QueryColumn, QueryRows, ValueForm } from "../../model/query.ts";
import type { Driver } from "./driver.ts";

/** How a result is read. */
export interface ReadOptions {
  readonly values: ValueForm;
  /** Column names to use in place of the result's own. */
  readonly names?: readonly string[] | undefined;
}

/** A materialised result as rows. Never used with a streaming one, which ends early in silence when it fails (FACTS 1.7). */
export function readResult(driver: Driver, result: DuckDBMaterializedResult, { values, names }: ReadOptions): QueryRows {
  const convert = (
    values === "js" ? driver.JSDuckDBValueConverter : driver.JsonDuckDBValueConverter
  ) as DuckDBValueConverter<unknown>;
  const columns: QueryColumn[] = [];
  for (let index = 0; index < result.columnCount; index += 1) {
    columns.push({
      name: names?.[index] ?? result.columnName(index),
      type: result.columnType(index).toString(),
    });
  }
  const rows: unknown[][] = [];
  for (let index = 0; index < result.chunkCount; index += 1) {
    const chunk = result.getChunk(index);
    const { rowCount } = chunk;
    const part: unknown[][] = Array.from({ length: rowCount }, () => []);
    // By column, for each column has one type and so one conversion.
    for (let column = 0; column < columns.length; column += 1) {
      const vector = chunk.getColumnVector(column);
      const { type } = vector;
      for (const [offset, row] of part.entries()) {
        const value = vector.getItem(offset);
        row[column] = value === null ? null : convert(value, type, convert);
      }
    }
    for (const row of part) rows.push(row);
  }
  return { columns, rows, objects: () => objectsOf(columns, rows) };
}

function objectsOf(columns: readonly QueryColumn[], rows: readonly (readonly unknown[])[]): Record<string, unknown>[] {
  const keys = uniqueNames(columns.map(({ name }) => name));
  // Object.fromEntries defines properties: a column named `__proto__` stays a column (FACTS 1.11).
  return rows.map((row) => Object.fromEntries(keys.map((key, index) => [key, row[index]])));
}

/** Names as object keys: a second `a` becomes `a:1`, a third `a:2`; one that is taken already counts further. */
export function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>(names);
  const used = new Set<string>();
  return names.map((name) => {
    if (!used.has(name)) {
      used.add(name);
      return name;
    }
    let count = 1;
    while (taken.has(`${name}:${count}`)) count += 1;
    const key = `${name}:${count}`;
    taken.add(key);
    used.add(key);
    return key;
  });
}
