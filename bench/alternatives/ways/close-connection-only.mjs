// @ts-check
/** The same as close-then-open, but at a change the app closes its connections and forgets the instance, which keeps the file's lock. */
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { identityOf, pointedAt } from "../lib/files.mjs";
import { preparing } from "../lib/pool.mjs";
import { answerWith } from "../question.mjs";

export { writeOtherSlot as openPublisher } from "../lib/publishers.mjs";

/** @type {import("../ways.mjs").OpenReader} */
export async function openReader(folder) {
  const pointer = join(folder, "version.json");
  let identity = identityOf(pointer);
  /** @type {DuckDBInstance[]} */
  const instances = [];
  const open = async () => {
    const instance = await DuckDBInstance.create(join(folder, pointedAt(pointer)), { access_mode: "READ_ONLY" });
    instances.push(instance);
    return instance;
  };
  let instance = await open();
  return {
    ask: async (between) => {
      const seen = identityOf(pointer);
      if (seen !== identity) {
        identity = seen;
        instance = await open();
      }
      const connection = await instance.connect();
      try {
        return await answerWith(preparing(connection), { between });
      } finally {
        connection.closeSync();
      }
    },
  };
}
