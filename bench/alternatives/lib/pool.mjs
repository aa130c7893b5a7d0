// @ts-check
import { DuckDBInstance } from "@duckdb/node-api";

/** One for each client of the bench. */
const connectionsKept = 8;

/** @typedef {(sql: string) => Promise<readonly unknown[] | undefined>} FirstRow */
/** @typedef {{ use: <T>(work: (firstRow: FirstRow) => Promise<T>) => Promise<T>, close: () => void }} Pool */

/**
 * Connections of one instance, so that requests do not wait for one another.
 *
 * @param {string} path a DuckDB file, opened read-only
 * @param {number} [count] how many connections to open at once
 * @returns {Promise<Pool>}
 */
export async function openPool(path, count = connectionsKept) {
  const instance = await DuckDBInstance.create(path, { access_mode: "READ_ONLY" });
  /** @type {import("@duckdb/node-api").DuckDBConnection[]} */
  const all = [];
  const open = async () => {
    const connection = await instance.connect();
    all.push(connection);
    return preparing(connection);
  };
  const idle = await Promise.all(Array.from({ length: count }, open));
  return {
    use: async (work) => {
      const firstRow = idle.pop() ?? (await open());
      try {
        return await work(firstRow);
      } finally {
        idle.push(firstRow);
      }
    },
    close: () => {
      for (const connection of all) connection.closeSync();
      instance.closeSync();
    },
  };
}

/**
 * The first row of a statement, which is prepared once: a plan is worth keeping at each request.
 *
 * @param {import("@duckdb/node-api").DuckDBConnection} connection
 * @returns {FirstRow}
 */
export function preparing(connection) {
  /** @type {Map<string, import("@duckdb/node-api").DuckDBPreparedStatement>} */
  const prepared = new Map();
  return async (sql) => {
    const statement = prepared.get(sql) ?? (await connection.prepare(sql));
    prepared.set(sql, statement);
    return (await statement.runAndReadAll()).getRowsJson()[0];
  };
}
