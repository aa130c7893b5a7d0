// @ts-check
/**
 * A careful form: a new file is renamed over the old one; the app opens it first, goes on answering from the old one meanwhile, then
 * moves, and closes the old one when its last request has ended. A file that cannot be opened is tried again after a second.
 */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { identityOf } from "../lib/files.mjs";
import { openPool } from "../lib/pool.mjs";
import { answerWith } from "../question.mjs";

export { renameOver as openPublisher } from "../lib/publishers.mjs";

const retryMs = 1000;

/** @typedef {{ identity: string, pool: import("../lib/pool.mjs").Pool, users: number }} Generation */

/** @type {import("../ways.mjs").OpenReader} */
export async function openReader(folder) {
  const path = join(folder, "data.duckdb");
  const open = async () => {
    for (;;) {
      const identity = identityOf(path);
      const pool = await openPool(path);
      // Between the look and the open another one may have come.
      if (identityOf(path) === identity) return { identity, pool, users: 0 };
      pool.close();
    }
  };
  /** @type {Generation} */
  let current = await open();
  /** @type {Promise<unknown> | undefined} */
  let moving;
  const closeUnused = (/** @type {Generation} */ generation) => {
    if (generation !== current && generation.users === 0) generation.pool.close();
  };
  const move = async () => {
    const old = current;
    current = await open();
    closeUnused(old);
  };
  return {
    ask: async (between) => {
      if (identityOf(path) !== current.identity) {
        moving ??= move()
          .catch(() => pause(retryMs))
          .finally(() => {
            moving = undefined;
          });
      }
      const generation = current;
      generation.users += 1;
      try {
        return await generation.pool.use((firstRow) => answerWith(firstRow, { between }));
      } finally {
        generation.users -= 1;
        closeUnused(generation);
      }
    },
  };
}
