// @ts-check
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openWorkspace } from "lockkeeper";
import { makeReleases } from "./lib/many-releases.mjs";
import { readRecords } from "./lib/read-records.mjs";
import { wholeProcess } from "./lib/process.mjs";
import { median, timed } from "./lib/statistics.mjs";
import { durationRow } from "./lib/table.mjs";

const store = "marts";
const listGoal = 3;
/** Of four times as many releases, each may take so much longer: a cost that grows with the square would be at 4. */
const linearGoal = 1.5;
const sizes = [250, 500, 1000];
const most = 1000;
const main = fileURLToPath(new URL("../dist/bin/lockkeeper.js", import.meta.url));
const bareFile = fileURLToPath(new URL("lib/read-records.mjs", import.meta.url));

/**
 * Stores with many releases: the list against a bare script that reads the same records, and prune by what it keeps and by what it removes.
 *
 * @type {import("./run.mjs").Bench}
 */
export async function run({ ci, folder, log }) {
  const rounds = ci ? 5 : 15;
  const kept = await Promise.all(sizes.map((count) => filled(folder, `kept-${count}`, count)));
  const largest = await filled(folder, "listed", most);
  const rows = [await listInProcess(largest, rounds), await listAsProcess(largest, rounds)];
  rows.push(...(await pruneKeeping(kept, rounds)), ...(await pruneRemoving(folder, ci ? 1 : 7)));
  for (const row of rows) log(`releases: ${row.measure}: ${row.ratio.toFixed(2)}`);
  return { rows };
}

/** @typedef {{ folder: string, config: string, keepsTwo: string, count: number }} Filled a store, and its configurations that keep all and that keep two */

/**
 * @param {string} folder
 * @param {string} name
 * @param {number} count
 * @returns {Promise<Filled>}
 */
async function filled(folder, name, count) {
  const home = join(folder, name);
  mkdirSync(home);
  const config = writeConfiguration(join(home, "lockkeeper.toml"), count);
  const workspace = await openWorkspace({ config });
  await makeReleases((build) => workspace.publish(store, build), { folder: join(home, store), basename: store, count });
  const listed = await workspace.releases(store);
  if (listed.releases.length !== count) throw new Error(`${listed.releases.length} releases of ${count}`);
  await workspace.close();
  return { folder: join(home, store), config, keepsTwo: writeConfiguration(join(home, "prune.toml"), 2), count };
}

/**
 * @param {string} path
 * @param {number} keep
 */
function writeConfiguration(path, keep) {
  writeFileSync(path, `format = 1\n[stores.${store}]\nkind = "release"\ndir = "${store}"\nretention = { keep = ${keep} }\n`);
  return path;
}

/**
 * Both in this process, so that no start of a process hides a difference.
 *
 * @param {Filled} filled
 * @param {number} rounds
 */
async function listInProcess({ folder, config }, rounds) {
  const workspace = await openWorkspace({ config });
  const sides = { ours: () => workspace.releases(store), theirs: async () => readRecords(folder) };
  const { ours, theirs } = await alternate(sides, rounds);
  await workspace.close();
  const measure = `list ${most} releases, as a function`;
  return durationRow(
    { bench: "releases", measure, ours, theirs, against: "readFileSync and JSON.parse of each record" },
    listGoal,
  );
}

/**
 * @param {Filled} filled
 * @param {number} rounds
 */
async function listAsProcess({ folder, config }, rounds) {
  const sides = {
    ours: async () => wholeProcess([main, "releases", "list", store, "--json", "--config", config]),
    theirs: async () => wholeProcess([bareFile, folder]),
  };
  const { ours, theirs } = await alternate(sides, rounds);
  const measure = `list ${most} releases, as a command`;
  return durationRow(
    { bench: "releases", measure, ours, theirs, against: "a script that reads and parses each record" },
    listGoal,
  );
}

/**
 * Medians of two sides that take turns.
 *
 * @param {{ ours: () => Promise<unknown>, theirs: () => Promise<unknown> }} sides
 * @param {number} rounds
 */
async function alternate(sides, rounds) {
  /** @type {{ ours: number[], theirs: number[] }} */
  const times = { ours: [], theirs: [] };
  for (let round = 0; round < rounds; round++) {
    const names = /** @type {const} */ (["ours", "theirs"]);
    for (const name of round % 2 === 0 ? names : names.toReversed()) times[name].push(await timed(sides[name]));
  }
  return { ours: median(times.ours), theirs: median(times.theirs) };
}

/**
 * Each prune looks at every release and removes none.
 *
 * @param {Filled[]} stores
 * @param {number} rounds
 */
async function pruneKeeping(stores, rounds) {
  const times = perSize();
  for (let round = 0; round < rounds; round++) {
    for (const { config, count } of stores) times.get(count)?.push(await prune(config, { removes: 0 }));
  }
  return againstFewest("prune that keeps all", times);
}

/**
 * Each prune removes all but three, the newest two and the one that was active before, from a store made anew.
 *
 * @param {string} folder
 * @param {number} rounds
 */
async function pruneRemoving(folder, rounds) {
  const times = perSize();
  for (let round = 0; round < rounds; round++) {
    for (const count of sizes) {
      const { keepsTwo } = await filled(folder, `removed-${round}-${count}`, count);
      times.get(count)?.push(await prune(keepsTwo, { removes: count - 3 }));
    }
  }
  return againstFewest("prune that removes all but three", times);
}

/**
 * Milliseconds of one prune.
 *
 * @param {string} config
 * @param {{ removes: number }} expected
 */
async function prune(config, { removes }) {
  const workspace = await openWorkspace({ config });
  let removed = -1;
  const time = await timed(async () => {
    removed = (await workspace.prune(store)).removed.length;
  });
  await workspace.close();
  if (removed !== removes) throw new Error(`${removed} releases were removed instead of ${removes}`);
  return time;
}

/** @returns {Map<number, number[]>} */
function perSize() {
  return new Map(sizes.map((count) => [count, []]));
}

/**
 * Time a release, of the larger stores against the smallest.
 *
 * @param {string} what
 * @param {Map<number, number[]>} times
 */
function againstFewest(what, times) {
  const [fewest = 0, ...larger] = sizes;
  /** @param {number} count */
  const perRelease = (count) => median(times.get(count) ?? []) / count;
  return larger.map((count) =>
    durationRow(
      {
        bench: "releases",
        measure: `${what}, a release of ${count}`,
        ours: perRelease(count),
        theirs: perRelease(fewest),
        against: `the same of ${fewest}`,
      },
      linearGoal,
    ),
  );
}
