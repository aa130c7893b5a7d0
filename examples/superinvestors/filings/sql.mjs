// @ts-check
import { join } from "node:path";

/**
 * A text as SQL writes it.
 *
 * @param {string} text
 */
export function quoted(text) {
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * SQL of the rows of Parquet files.
 *
 * @param {string} folder
 * @param {string} name of a file in it, or a pattern
 */
export function fileSql(folder, name) {
  return `read_parquet(${quoted(join(folder, name))})`;
}
