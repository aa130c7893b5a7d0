// @ts-check
import { lstatSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** How long an ETL tries to open a file that somebody holds, and how long it rests in between. Milliseconds. */
const lockWaitMs = 1000;
const lockRestMs = 5;

/**
 * What changes when another file is put at a path.
 *
 * @param {string} path
 */
export function identityOf(path) {
  const { ino, ctimeNs, size } = statSync(path, { bigint: true });
  return `${ino} ${ctimeNs} ${size}`;
}

/**
 * When a file, or the symbolic link itself, was put where it is. Milliseconds since 1970; Linux rounds down by up to 4.
 *
 * @param {string} path
 */
export function changedAt(path) {
  return Number(lstatSync(path, { bigint: true }).ctimeNs) / 1e6;
}

/**
 * The file that a pointer file names.
 *
 * @param {string} pointer
 * @returns {string}
 */
export function pointedAt(pointer) {
  return JSON.parse(readFileSync(pointer, "utf8")).file;
}

/**
 * Writes a pointer file beside the old one and renames it over that.
 *
 * @param {string} pointer
 * @param {string} file
 */
export function point(pointer, file) {
  writeFileSync(`${pointer}.new`, JSON.stringify({ file }));
  renameSync(`${pointer}.new`, pointer);
}

/**
 * Tries again for a second while DuckDB says that another process has the file.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function whenUnlocked(work) {
  const deadline = performance.now() + lockWaitMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!String(error).includes("Could not set lock") || performance.now() > deadline) throw error;
    }
    await pause(lockRestMs);
  }
}
