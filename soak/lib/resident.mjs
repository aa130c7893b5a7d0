// @ts-check
/**
 * Resident memory that a process needs. Garbage is collected and what the allocators keep of freed pages is handed back before it is read: both come and
 * go by tens of megabytes with the load, with what V8 guesses and with how many threads met, and neither is growth.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { DuckDBInstance } from "@duckdb/node-api";

setFlagsFromString("--expose-gc");
/** @type {() => void} */
const collectGarbage = runInNewContext("gc");

/**
 * Opens an engine of its own, for its allocators are shared by all engines of a process.
 *
 * @returns {Promise<() => Promise<number>>} reads resident bytes; takes some milliseconds
 */
export async function openResidentProbe() {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  return async () => {
    collectGarbage();
    // Whatever the limit, setting it has the engine flush its allocator and glibc's.
    await connection.run("SET memory_limit = '100MB'");
    return process.memoryUsage.rss();
  };
}
