// @ts-check
import { existsSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { changedAt, point, pointedAt, whenUnlocked } from "./files.mjs";

/** @typedef {(target: string) => Promise<void>} Build writes a build at `target` */

/**
 * Puts builds in place. `publish` resolves with the moment of the switch, in milliseconds since 1970, and throws when it could not be done.
 * `nextPath` is where the file of the next build will lie, for probes; `onPhase` is told the steps, by a publisher that has any.
 * @typedef {{ publish: (build: Build, onPhase?: (phase: string) => void) => Promise<number>, nextPath: () => string, close?: () => Promise<void> }} Publisher
 */

/** Files that stay where each build has a name of its own: the one in use, and the one before it. */
const filesKept = 2;

/**
 * The ETL writes the file that the app reads.
 *
 * @param {string} folder
 * @returns {Publisher}
 */
export function writeInPlace(folder) {
  const path = join(folder, "data.duckdb");
  return {
    publish: async (build) => {
      await whenUnlocked(() => build(path));
      return Date.now();
    },
    nextPath: () => path,
  };
}

/**
 * The ETL writes the one of two files that the pointer does not name, and then turns the pointer.
 *
 * @param {string} folder
 * @returns {Publisher}
 */
export function writeOtherSlot(folder) {
  const pointer = join(folder, "version.json");
  const other = () => (existsSync(pointer) && pointedAt(pointer) === "data_a.duckdb" ? "data_b.duckdb" : "data_a.duckdb");
  return {
    publish: async (build) => {
      const file = other();
      await whenUnlocked(() => build(join(folder, file)));
      point(pointer, file);
      return changedAt(pointer);
    },
    nextPath: () => join(folder, other()),
  };
}

/**
 * A file beside the old one, renamed over it.
 *
 * @param {string} folder
 * @param {string} [name]
 * @returns {Publisher}
 */
export function renameOver(folder, name = "data.duckdb") {
  const path = join(folder, name);
  return {
    publish: async (build) => {
      const building = join(folder, `building-${name}`);
      await build(building);
      renameSync(building, path);
      return changedAt(path);
    },
    nextPath: () => path,
  };
}

/**
 * Each build under a name of its own; `turn` then makes the last one the one that is read, and resolves with the path that changed.
 *
 * @param {string} folder
 * @param {(file: string) => string} turn
 * @returns {Publisher}
 */
export function newNames(folder, turn) {
  /** @type {string[]} */
  const files = [];
  let number = 0;
  const nameOf = (/** @type {number} */ of) => `data-${of}.duckdb`;
  return {
    publish: async (build) => {
      number += 1;
      const file = nameOf(number);
      const building = join(folder, `building-${file}`);
      await build(building);
      renameSync(building, join(folder, file));
      const switchedAt = changedAt(turn(file));
      files.push(file);
      const oldest = files.length > filesKept ? files.shift() : undefined;
      if (oldest !== undefined) rmSync(join(folder, oldest));
      return switchedAt;
    },
    nextPath: () => join(folder, nameOf(number + 1)),
  };
}

/**
 * New names, and a pointer file.
 *
 * @param {string} folder
 */
export function turnPointer(folder) {
  const pointer = join(folder, "version.json");
  return newNames(folder, (file) => (point(pointer, file), pointer));
}

/**
 * New names, and a symbolic link.
 *
 * @param {string} folder
 */
export function turnLink(folder) {
  const link = join(folder, "data.duckdb");
  return newNames(folder, (file) => {
    symlinkSync(file, `${link}.new`);
    renameSync(`${link}.new`, link);
    return link;
  });
}
