// @ts-check
/** Two files in turn and a version file. At a change the app closes what it has open and opens the other file. */
import { join } from "node:path";
import { identityOf, pointedAt } from "../lib/files.mjs";
import { openPool } from "../lib/pool.mjs";
import { answerWith } from "../question.mjs";

export { writeOtherSlot as openPublisher } from "../lib/publishers.mjs";

/** @type {import("../ways.mjs").OpenReader} */
export async function openReader(folder) {
  const pointer = join(folder, "version.json");
  const open = () => openPool(join(folder, pointedAt(pointer)));
  let identity = identityOf(pointer);
  let pool = await open();
  /** @type {Promise<void> | undefined} */
  let moving;
  return {
    ask: async (between) => {
      const seen = identityOf(pointer);
      if (seen !== identity) {
        identity = seen;
        pool.close();
        moving = open().then((opened) => {
          pool = opened;
          moving = undefined;
        });
      }
      await moving;
      return pool.use((firstRow) => answerWith(firstRow, { between }));
    },
  };
}
