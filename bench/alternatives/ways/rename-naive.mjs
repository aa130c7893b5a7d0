// @ts-check
/** A new file is renamed over the old one. When the app sees that, it closes the old one and opens the new one. */
import { join } from "node:path";
import { identityOf } from "../lib/files.mjs";
import { openPool } from "../lib/pool.mjs";
import { answerWith } from "../question.mjs";

export { renameOver as openPublisher } from "../lib/publishers.mjs";

/** @type {import("../ways.mjs").OpenReader} */
export async function openReader(folder) {
  const path = join(folder, "data.duckdb");
  let identity = identityOf(path);
  let pool = await openPool(path);
  return {
    ask: async (between) => {
      const seen = identityOf(path);
      if (seen !== identity) {
        identity = seen;
        pool.close();
        pool = await openPool(path);
      }
      return pool.use((firstRow) => answerWith(firstRow, { between }));
    },
  };
}
