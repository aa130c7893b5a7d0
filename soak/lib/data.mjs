// @ts-check
/**
 * What the builds of a soak write: three tables whose every row carries the build's tag, so that an answer tells whether it is whole and which build
 * it is from. The values' sum follows from tag and number of rows.
 */
import { DuckDBInstance } from "@duckdb/node-api";

/** @typedef {{ tag: number, orders: number, items: number }} Content */

/** The two queries of a request; each answers with one row: rows, sum of values, smallest and largest tag. */
export const queries = /** @type {const} */ ({
  orders: "SELECT count(*), sum(value), min(tag), max(tag) FROM orders",
  items: "SELECT count(*), sum(i.value), min(i.tag), max(b.tag) FROM items AS i, build AS b",
});

/**
 * The sum of values that `rows` rows of a build with that tag have.
 *
 * @param {number} tag
 * @param {number} rows
 */
export function sumOf(tag, rows) {
  return (tag * rows * (rows + 1)) / 2;
}

/**
 * Writes a database. `half` leaves it unfinished: what a build that fails has written until then.
 *
 * @param {string} path
 * @param {Content} content
 * @param {{ half?: boolean }} [options]
 */
export async function writeDatabase(path, { tag, orders, items }, { half = false } = {}) {
  const instance = await DuckDBInstance.create(path, { threads: "1" });
  try {
    const connection = await instance.connect();
    await connection.run(tableSql("orders", tag, orders));
    if (half) return;
    await connection.run(tableSql("items", tag, items));
    await connection.run(`CREATE TABLE build AS SELECT ${tag} AS tag`);
    connection.closeSync();
  } finally {
    instance.closeSync();
  }
}

/**
 * @param {"orders" | "items"} name
 * @param {number} tag
 * @param {number} rows
 */
function tableSql(name, tag, rows) {
  return `CREATE TABLE ${name} AS
    SELECT range + 1 AS n, ${tag}::BIGINT AS tag, (range + 1) * ${tag} AS value, md5(concat(range, ' ', ${tag})) AS text FROM range(${rows})`;
}
