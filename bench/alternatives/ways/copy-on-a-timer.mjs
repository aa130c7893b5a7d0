// @ts-check
/**
 * The ETL has a file of its own, which the app never opens. Every second the app looks whether it changed, copies it, opens the copy,
 * and closes the one before a second later. A copy that cannot be opened is thrown away.
 */
import { rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { identityOf } from "../lib/files.mjs";
import { openPool } from "../lib/pool.mjs";
import { answerWith } from "../question.mjs";

export { writeInPlace as openPublisher } from "../lib/publishers.mjs";

const everyMs = 1000;

/** @type {import("../ways.mjs").OpenReader} */
export async function openReader(folder) {
  const path = join(folder, "data.duckdb");
  let number = 0;
  let identity = "";
  const copy = async () => {
    number += 1;
    const target = join(folder, `copy-${number}.duckdb`);
    const seen = identityOf(path);
    await copyFile(path, target);
    try {
      const pool = await openPool(target);
      identity = seen;
      return { pool, target };
    } catch (error) {
      rmSync(target);
      throw error;
    }
  };
  let current = await copy();
  let copying = false;
  const look = async () => {
    if (copying || identityOf(path) === identity) return;
    copying = true;
    try {
      const old = current;
      current = await copy();
      setTimeout(() => {
        old.pool.close();
        rmSync(old.target);
      }, everyMs);
    } catch {
      // The next look comes in a second.
    } finally {
      copying = false;
    }
  };
  setInterval(() => void look(), everyMs);
  return { ask: (between) => current.pool.use((firstRow) => answerWith(firstRow, { between })) };
}
