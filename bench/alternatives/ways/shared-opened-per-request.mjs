// @ts-check
/** The ETL writes the file that the app reads, and the app opens it for each request. */
import { join } from "node:path";
import { openPool } from "../lib/pool.mjs";
import { answerWith } from "../question.mjs";

export { writeInPlace as openPublisher } from "../lib/publishers.mjs";

/** @type {import("../ways.mjs").OpenReader} */
export async function openReader(folder) {
  return {
    ask: async (between) => {
      const pool = await openPool(join(folder, "data.duckdb"), 1);
      try {
        return await pool.use((firstRow) => answerWith(firstRow, { between }));
      } finally {
        pool.close();
      }
    },
  };
}
