// @ts-check
/**
 * A writer that is not ours, by docs/format.md: `node foreign.mjs FOLDER BASENAME TAG ORDERS ITEMS`. Builds beside the inactive slot, renames the file
 * over it and replaces the manifest with one of three fields and a `commit`, all under the writer lock. Prints the version and the release's name.
 */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { writeDatabase } from "../lib/data.mjs";

const [folder = "", basename = ""] = process.argv.slice(2, 4);
const [tag = 0, orders = 0, items = 0] = process.argv.slice(4).map(Number);
const { tryLock } = createRequire(import.meta.url)("fs-native-extensions");

const lock = openSync(join(folder, ".writer.lock"), "r+");
while (!tryLock(lock, 0, 0, { shared: false })) await wait(5);

const manifest = join(folder, "db_manifest.json");
const old = JSON.parse(readFileSync(manifest, "utf8"));
const active = old.active === "a" ? "b" : "a";
const slot = join(folder, `${basename}_${active}.duckdb`);
const commit = randomBytes(16).toString("hex");
const built = join(folder, `.foreign-${commit}`);
await writeDatabase(built, { tag, orders, items });
if (existsSync(`${built}.wal`)) throw new Error("the database was not closed");
sync(built);
renameSync(built, slot);
sync(folder);

const version = old.version + 1;
const temporary = `${manifest}.${commit}.tmp`;
writeFileSync(temporary, JSON.stringify({ active, version, lastUpdated: new Date().toISOString(), commit }));
sync(temporary);
renameSync(temporary, manifest);
sync(folder);
console.log(JSON.stringify({ version, release: `v${version}-${active}` }));
closeSync(lock);

/** @param {string} path */
function sync(path) {
  const descriptor = openSync(path, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}
