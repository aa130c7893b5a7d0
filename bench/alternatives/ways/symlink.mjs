// @ts-check
/** Each build is a new file; a symbolic link is turned to it. The app follows the link and opens the file for each request. */
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { openPool } from "../lib/pool.mjs";
import { answerWith } from "../question.mjs";

export { turnLink as openPublisher } from "../lib/publishers.mjs";

/** @type {import("../ways.mjs").OpenReader} */
export async function openReader(folder) {
  return {
    ask: async (between) => {
      const pool = await openPool(realpathSync(join(folder, "data.duckdb")), 1);
      try {
        return await pool.use((firstRow) => answerWith(firstRow, { between }));
      } finally {
        pool.close();
      }
    },
  };
}
