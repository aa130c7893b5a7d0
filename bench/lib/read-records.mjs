// @ts-check
/**
 * The bare script that `releases list` is measured against: reads and parses every release record of a store, and no more.
 *
 *   node read-records.mjs FOLDER
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * @param {string} folder of the store
 * @returns {{ release: string }[]}
 */
export function readRecords(folder) {
  const releases = join(folder, "releases");
  return readdirSync(releases).map((release) => JSON.parse(readFileSync(join(releases, release, "release.json"), "utf8")));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.stdout.write(JSON.stringify(readRecords(process.argv[2] ?? "").map(({ release }) => release)));
}
