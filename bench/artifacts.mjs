// @ts-check
import { createHash } from "node:crypto";
import { copyFileSync, createReadStream, mkdirSync, readdirSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { isDeepStrictEqual } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { openReader } from "lockkeeper";
import { openReleaseStore } from "../dist/release/open.js";
import { publish } from "../dist/release/publish.js";
import { releaseTools } from "../dist/workspace/wiring.js";
import { median, timed } from "./lib/statistics.mjs";
import { durationRow, speedRow } from "./lib/table.mjs";

const marts = 11;
const goals = { view: 0.97, seal: 0.8, disk: 1.2 };

/** @type {{ name: string, of: (table: string) => string }[]} */
const shapes = [
  { name: "aggregate", of: (table) => `SELECT count(*), sum(n), avg(amount) FROM ${table} WHERE amount > 100` },
  { name: "group by", of: (table) => `SELECT part, count(*), sum(amount) FROM ${table} GROUP BY part ORDER BY part` },
];

/**
 * Releases of eleven Parquet tables: what a view costs, what sealing costs, and what a release with one changed table costs on disk.
 *
 * @type {import("./run.mjs").Bench}
 */
export async function run({ ci, folder, log }) {
  const rows = ci ? 300_000 : 2_000_000;
  const source = join(folder, "source");
  mkdirSync(source);
  await writeMarts(source, rows);
  const tools = releaseTools();
  const artifacts = [{ kind: /** @type {const} */ ("parquet"), path: "mart" }];
  const store = openReleaseStore({ name: "marts", dir: join(folder, "marts"), layout: "releases", artifacts }, tools);
  const seal = await sealing(store, source, ci ? 5 : 9);
  const disk = await oneChanged(store, source, rows);
  const views = [];
  for (const shape of shapes) views.push(await againstByHand(join(folder, "marts"), shape, ci ? 9 : 21));
  log(`artifacts: ${seal.bytes} bytes sealed a round`);
  return { rows: [...views, seal.row, disk] };
}

/**
 * @param {string} folder
 * @param {number} rows
 */
async function writeMarts(folder, rows) {
  await withDriver(async (connection) => {
    for (let mart = 0; mart < marts; mart++) await writeMart(connection, join(folder, `m${mart}.parquet`), { rows, seed: mart });
  });
}

/**
 * @param {import("@duckdb/node-api").DuckDBConnection} connection
 * @param {string} path
 * @param {{ rows: number, seed: number }} content
 */
async function writeMart(connection, path, { rows, seed }) {
  // Numbers that do not compress: the bytes are what is sealed.
  const content = `SELECT range AS n, hash(range + ${seed} * 1000003) AS h, ((hash(range * 7 + ${seed}) % 10000) / 10)::DECIMAL(18, 2) AS amount, range % 100 AS part FROM range(${rows})`;
  await connection.run(`COPY (${content}) TO '${path}' (FORMAT parquet)`);
}

/**
 * From the end of the build to the end of its sealing, against fsync and sha256 of copies of the same files.
 *
 * @param {import("../dist/release/store.js").ReleaseStore} store
 * @param {string} source
 * @param {number} rounds
 */
async function sealing(store, source, rounds) {
  const names = readdirSync(source);
  /** @type {{ ours: number, theirs: number }[]} */
  const times = [];
  for (let round = 0; round <= rounds; round++) {
    const sides = /** @type {const} */ ([
      async () => {
        const marks = { seal: 0, check: 0 };
        await publish(
          store,
          buildOf((dir) => copyAll(source, join(dir, "mart"))),
          {
            onProgress: (event) => {
              if (event.kind === "phase" && (event.phase === "seal" || event.phase === "check"))
                marks[event.phase] = performance.now();
            },
          },
        );
        return marks.check - marks.seal;
      },
      async () => {
        const folder = join(store.paths.folder, "..", `by-hand-${round}`);
        mkdirSync(folder);
        copyAll(source, folder);
        return timed(async () => {
          for (const name of names) await syncAndHash(join(folder, name));
        });
      },
    ]);
    const time = { ours: 0, theirs: 0 };
    const turns = [async () => void (time.ours = await sides[0]()), async () => void (time.theirs = await sides[1]())];
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
    times.push(time);
  }
  const kept = times.slice(1);
  const theirs = median(kept.map((time) => time.theirs));
  const ours = theirs / median(kept.map((time) => time.theirs / time.ours));
  const bytes = names.reduce((sum, name) => sum + statSync(join(source, name)).size, 0);
  const row = {
    bench: "artifacts",
    measure: `seal ${marts} Parquet files, ${Math.round(bytes / 1e6)} MB`,
    ours,
    theirs,
    against: "fsync and sha256 of each",
  };
  return { bytes, row: speedRow(row, goals.seal) };
}

/** @param {(dir: string) => void} write */
function buildOf(write) {
  return { kind: /** @type {const} */ ("function"), build: async (/** @type {{ dir: string }} */ { dir }) => write(dir) };
}

/**
 * @param {string} source
 * @param {string} target
 */
function copyAll(source, target) {
  for (const name of readdirSync(source)) copyFileSync(join(source, name), join(target, name));
}

/** @param {string} path */
async function syncAndHash(path) {
  const file = await open(path);
  await file.sync();
  await file.close();
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest("hex");
}

/**
 * What a release with one other table takes on disk, against the bytes of that table.
 *
 * @param {import("../dist/release/store.js").ReleaseStore} store
 * @param {string} source
 * @param {number} rows
 */
async function oneChanged(store, source, rows) {
  const inodes = () => new Map(filesBelow(store.paths.folder).map((path) => [statSync(path).ino, statSync(path).blocks * 512]));
  const before = inodes();
  const changed = join(source, "m3.parquet");
  await withDriver((connection) => writeMart(connection, changed, { rows, seed: 77 }));
  await publish(
    store,
    buildOf((dir) => copyAll(source, join(dir, "mart"))),
  );
  let taken = 0;
  for (const [inode, bytes] of inodes()) if (!before.has(inode)) taken += bytes;
  const row = {
    bench: "artifacts",
    measure: `disk of a release with 1 of ${marts} tables changed`,
    unit: "MB",
    ours: taken / 1e6,
    theirs: statSync(changed).size / 1e6,
    against: "the changed table",
  };
  return durationRow(row, goals.disk);
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

/**
 * @param {string} dir
 * @param {{ name: string, of: (table: string) => string }} shape
 * @param {number} rounds
 */
async function againstByHand(dir, { name, of }, rounds) {
  const reader = await openReader({ dir });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const { release } = await reader.query("SELECT 1");
    const path = join(dir, "releases", release, "mart", "m5.parquet");
    const sides = [
      async () => (await reader.query(of("mart.m5"))).rows,
      async () => (await connection.runAndReadAll(of(`read_parquet('${path}')`))).getRowsJson(),
    ];
    const [a, b] = [await sides[0]?.(), await sides[1]?.()];
    if (!isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b))))
      throw new Error(`${name}: the answers differ`);
    /** @type {{ ours: number, theirs: number }[]} */
    const times = [];
    for (let round = 0; round < rounds; round++) {
      const time = { ours: 0, theirs: 0 };
      const turns = [
        async () => void (time.ours = await timed(async () => sides[0]?.())),
        async () => void (time.theirs = await timed(async () => sides[1]?.())),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
      times.push(time);
    }
    const theirs = median(times.map((time) => time.theirs));
    const ours = theirs / median(times.map((time) => time.theirs / time.ours));
    return speedRow(
      { bench: "artifacts", measure: `view over Parquet, ${name}`, ours, theirs, against: "read_parquet by hand" },
      goals.view,
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
    await reader.close();
  }
}

/** @param {(connection: import("@duckdb/node-api").DuckDBConnection) => Promise<void>} use */
async function withDriver(use) {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await use(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
