// @ts-check
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { openReader, openWorkspace } from "lockkeeper";
import { buildFlights, writeConfiguration } from "./lib/data.mjs";
import { median, timed } from "./lib/statistics.mjs";
import { speedRow } from "./lib/table.mjs";

const goal = 0.97;
/** Under this ratio in every one of `attempts` runs, the bench fails. */
const floor = 0.9;
const attempts = 3;
const rounds = 9;

/** @type {{ name: string, sql: string, parameters?: unknown[] }[]} */
const shapes = [
  { name: "aggregate", sql: "SELECT count(*), sum(delay), avg(distance) FROM flights WHERE distance > 500 AND delay > 0" },
  { name: "group by", sql: "SELECT origin, count(*), avg(delay), max(distance) FROM flights GROUP BY origin ORDER BY origin" },
  {
    name: "top n",
    sql: "SELECT date, origin, destination, delay FROM flights ORDER BY delay DESC, date, origin, destination LIMIT 100",
  },
  { name: "10,000 rows", sql: "SELECT date, delay, distance, origin, destination FROM flights WHERE delay > 60 LIMIT 10000" },
  {
    name: "parameters",
    sql: "SELECT month, count(*), sum(delay) FROM flights WHERE origin = $1 AND destination <> $2 AND delay > $3 GROUP BY month ORDER BY month",
    parameters: ["ORD", "LAX", 15],
  },
];

/**
 * `reader.query` against the bare driver: the same statement over the same bytes, result converted to JSON values by both.
 *
 * @type {import("./run.mjs").Bench}
 */
export async function run({ ci, folder, log }) {
  const { raw, ours, close } = await openBoth(folder);
  const repeats = ci ? 3 : 8;
  /** @type {import("./lib/table.mjs").Row[]} */
  const rows = [];
  /** @type {string[]} */
  const slow = [];
  for (const shape of shapes) {
    let row = await measure(shape, { raw, ours, repeats });
    for (let attempt = 1; attempt < attempts && row.ratio < floor; attempt++) {
      log(`query ${shape.name}: ratio ${row.ratio.toFixed(2)}; measuring again`);
      row = await measure(shape, { raw, ours, repeats });
    }
    if (row.ratio < floor) slow.push(shape.name);
    rows.push(row);
  }
  await close();
  return { rows, ...(slow.length > 0 && { failure: `query: under ${floor} in ${attempts} runs: ${slow.join(", ")}` }) };
}

/** @typedef {(sql: string, parameters?: unknown[]) => Promise<unknown[][]>} Ask */

/**
 * @param {(typeof shapes)[number]} shape
 * @param {{ raw: Ask, ours: Ask, repeats: number }} setting
 */
async function measure({ name, sql, parameters }, { raw, ours, repeats }) {
  const askRaw = () => raw(sql, parameters);
  const askOurs = () => ours(sql, parameters);
  const [expected, got] = [await askRaw(), await askOurs()];
  if (!isDeepStrictEqual(got, expected)) throw new Error(`${name}: the answers differ`);
  /** @type {{ raw: number, ours: number }[]} */
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const time = { raw: 0, ours: 0 };
    for (let repeat = 0; repeat < repeats; repeat++) {
      // Who comes first alternates, so that neither always finds the other's warm caches.
      if ((round + repeat) % 2 === 0) {
        time.raw += await timed(askRaw);
        time.ours += await timed(askOurs);
      } else {
        time.ours += await timed(askOurs);
        time.raw += await timed(askRaw);
      }
    }
    times.push({ raw: time.raw / repeats, ours: time.ours / repeats });
  }
  const typical = median(times.map((time) => time.raw / time.ours));
  const theirs = median(times.map((time) => time.raw));
  return speedRow(
    { bench: "query", measure: name, ours: theirs / typical, theirs, against: "@duckdb/node-api runAndReadAll + getRowsJson" },
    goal,
  );
}

/** @param {string} folder */
async function openBoth(folder) {
  const workspace = await openWorkspace({ config: writeConfiguration(folder) });
  const copy = join(folder, "copy.duckdb");
  await workspace.publish("flights", async (build) => {
    await buildFlights(build.path, 6);
    copyFileSync(build.path, copy);
  });
  await workspace.close();
  const reader = await openReader({ dir: join(folder, "flights") });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(`ATTACH '${copy}' AS flights (READ_ONLY)`);
  await connection.run("USE flights");
  return {
    /** @type {Ask} */
    raw: async (sql, parameters) =>
      (await connection.runAndReadAll(sql, /** @type {import("@duckdb/node-api").DuckDBValue[]} */ (parameters))).getRowsJson(),
    /** @type {Ask} */
    ours: async (sql, parameters) => /** @type {unknown[][]} */ ((await reader.query(sql, parameters)).rows),
    close: async () => {
      await reader.close();
      connection.closeSync();
      instance.closeSync();
    },
  };
}
