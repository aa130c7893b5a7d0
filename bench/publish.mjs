// @ts-check
import { createHash } from "node:crypto";
import { constants, copyFileSync, createReadStream, rmSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { DuckDBInstance } from "@duckdb/node-api";
import { openWorkspace } from "lockkeeper";
import { wholeProcess } from "./lib/process.mjs";
import { median, timed } from "./lib/statistics.mjs";
import { durationRow } from "./lib/table.mjs";

/** @typedef {import("lockkeeper").Workspace} Workspace */
/** @typedef {{ slots: number, releases: number, bare: number, child: number }} Times milliseconds */

const goal = 1.15;
const layouts = /** @type {const} */ (["slots", "releases"]);
/** Eight columns of random whole numbers, which DuckDB cannot compress: 64 bytes a row. */
const rowsOf = { large: 17_000_000, largeInCi: 1_000_000, small: 1000 };

/**
 * What a publish with the default checks takes after the build has ended, against the least that a careful script would do with the same file, in order and in one
 * process: sha256, one scan of every value, fsync.
 *
 * @type {import("./run.mjs").Bench}
 */
export async function run({ ci, folder, log }) {
  const workspace = await openWorkspace({ config: writeConfiguration(folder) });
  try {
    const large = await inTurns(workspace, folder, { rows: ci ? rowsOf.largeInCi : rowsOf.large, rounds: ci ? 3 : 5, log });
    const small = await inTurns(workspace, folder, { rows: rowsOf.small, rounds: ci ? 7 : 21, log });
    return { rows: layouts.flatMap((layout) => [overhead(large, layout), oneChildMore(small, layout)]) };
  } finally {
    await workspace.close();
  }
}

/** @typedef {{ bytes: number, times: Times[] }} Measured */

/**
 * @param {Measured} measured
 * @param {(typeof layouts)[number]} layout
 */
function overhead({ bytes, times }, layout) {
  const theirs = median(times.map(({ bare }) => bare));
  const ours = theirs * median(times.map((time) => time[layout] / time.bare));
  const measure = `after the build, ${size(bytes)}, ${layout}`;
  return durationRow({ bench: "publish", measure, ours, theirs, against: "sha256, one scan and fsync" }, goal);
}

/**
 * @param {Measured} measured
 * @param {(typeof layouts)[number]} layout
 */
function oneChildMore({ bytes, times }, layout) {
  const theirs = median(times.map(({ bare, child }) => bare + child));
  const ours = theirs * median(times.map((time) => time[layout] / (time.bare + time.child)));
  const measure = `after the build, ${size(bytes)}, ${layout}`;
  return durationRow(
    { bench: "publish", measure, ours, theirs, against: "the same and the start of one process, `node -e 0`" },
    1,
  );
}

/**
 * Rounds in which the sides take turns, on copies of one file.
 *
 * @param {Workspace} workspace
 * @param {string} folder
 * @param {{ rows: number, rounds: number, log: (text: string) => void }} setting
 * @returns {Promise<Measured>}
 */
async function inTurns(workspace, folder, { rows, rounds, log }) {
  const source = join(folder, `${rows}.duckdb`);
  await buildNumbers(source, rows);
  /** @type {Times[]} */
  const times = [];
  // The first round warms up: code is loaded, and each store has something to replace.
  for (let round = 0; round <= rounds; round++) {
    const time = { slots: 0, releases: 0, bare: 0, child: 0 };
    const sides = [
      async () => (time.slots = await afterBuild(workspace, "slots", source)),
      async () => (time.bare = await carefulScript(source, join(folder, "copy.duckdb"))),
      async () => (time.releases = await afterBuild(workspace, "releases", source)),
      async () => (time.child = wholeProcess(["-e", "0"])),
    ];
    for (let index = 0; index < sides.length; index++) await sides[(index + round) % sides.length]?.();
    if (round > 0) times.push(time);
  }
  const bytes = statSync(source).size;
  rmSync(source);
  log(
    `publish ${size(bytes)}: ${times.map((time) => layouts.map((name) => (time[name] / time.bare).toFixed(2)).join(" and ")).join(", ")}`,
  );
  return { bytes, times };
}

/**
 * Milliseconds from the end of the build to the end of the publish.
 *
 * @param {Workspace} workspace
 * @param {string} store
 * @param {string} source
 */
async function afterBuild(workspace, store, source) {
  let builtAt = 0;
  const result = await workspace.publish(store, async ({ path }) => {
    await durableCopy(source, path);
    builtAt = performance.now();
  });
  if (result.outcome !== "switched") throw new Error(`${store}: ${JSON.stringify(result.checks)}`);
  return performance.now() - builtAt;
}

/**
 * @param {string} source
 * @param {string} path
 */
async function carefulScript(source, path) {
  await durableCopy(source, path);
  const time = await timed(async () => {
    const hash = createHash("sha256");
    await pipeline(createReadStream(path, { highWaterMark: 4 * 1024 * 1024 }), hash);
    hash.digest("hex");
    await scan(path);
    await sync(path);
  });
  rmSync(path);
  return time;
}

/**
 * A file as DuckDB leaves one that was built: in the page cache, and durable, for it fsyncs at each checkpoint.
 *
 * @param {string} source
 * @param {string} target
 */
async function durableCopy(source, target) {
  copyFileSync(source, target, constants.COPYFILE_FICLONE);
  await sync(target);
}

/** @param {string} path */
async function sync(path) {
  const file = await open(path);
  await file.sync();
  await file.close();
}

/** @param {string} path */
async function scan(path) {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run(`ATTACH '${path}' AS source (READ_ONLY)`);
    await connection.runAndReadAll("SELECT count(*), bit_xor(hash(COLUMNS(*))) FROM source.numbers");
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * @param {string} path
 * @param {number} rows
 */
async function buildNumbers(path, rows) {
  const columns = Array.from({ length: 8 }, (_, index) => `hash(range + ${index * rows}) AS c${index}`);
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    await connection.run(`CREATE TABLE numbers AS SELECT ${columns.join(", ")} FROM range(${rows})`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** @param {number} bytes */
function size(bytes) {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** @param {string} folder */
function writeConfiguration(folder) {
  const path = join(folder, "lockkeeper.toml");
  // Two releases are kept in either layout, so that each publish removes one.
  const extra = { slots: "", releases: "retention = { keep = 2 }\n" };
  const stores = layouts.map(
    (layout) =>
      `[stores.${layout}]\nkind = "release"\ndir = "${layout}"\nlayout = "${layout}"\nbasename = "numbers"\n${extra[layout]}`,
  );
  writeFileSync(path, `format = 1\n${stores.join("\n")}`);
  return path;
}
