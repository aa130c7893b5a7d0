// @ts-check
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { Hono } from "hono";
import { openReader, openWorkspace } from "lockkeeper";
import { lockkeeperRoutes } from "lockkeeper/hono";
import { median } from "./lib/statistics.mjs";
import { speedRow } from "./lib/table.mjs";

const rounds = 9;

const table = `CREATE TABLE spend AS SELECT (range % 500)::INTEGER AS user_id, DATE '2026-01-01' + (range % 365)::INTEGER AS day, 'category ' || range % 20 AS category,
  (range % 9973 / 7)::DECIMAL(18, 2) AS amount, range AS id FROM range(1_000_000)`;

/** What the dataset API runs, written by hand. */
const sql = `SELECT "user_id", "day", "category", "amount", "id" FROM bench.main.spend
WHERE "user_id" = $1::INTEGER AND "day" >= $2::DATE ORDER BY "day" ASC NULLS LAST, "amount" ASC NULLS LAST, "category" ASC NULLS LAST, "id" ASC NULLS LAST, "user_id" ASC NULLS LAST LIMIT`;

/**
 * Rows of a dataset against a handler that runs the same statement through `reader.query` and writes the same body, in one process and in turns. No answer is asked for twice.
 *
 * @type {import("./run.mjs").Bench}
 */
export async function run({ ci, folder }) {
  const config = `format = 1\n[stores.bench]\nkind = "release"\ndir = "bench"\n[stores.bench.datasets.spend]\ndate_column = "day"\n`;
  writeFileSync(join(folder, "lockkeeper.toml"), config);
  const workspace = await openWorkspace({ config: join(folder, "lockkeeper.toml") });
  await workspace.publish("bench", async ({ path }) => {
    const instance = await DuckDBInstance.create(path);
    const connection = await instance.connect();
    await connection.run(table);
    connection.closeSync();
    instance.closeSync();
  });
  const reader = await openReader({ workspace, store: "bench" });
  const ours = lockkeeperRoutes(workspace);
  const theirs = new Hono();
  theirs.get("/query", async (c) => {
    const { user_id: user, start_date: start, limit } = c.req.query();
    const result = await reader.query(`${sql} ${Number(limit)}`, [Number(user), start]);
    const applied = { start_date: start, user_id: Number(user) };
    const rows = result.objects();
    return c.json({ dataset_id: "spend", dataset_name: "spend", rows, row_count: rows.length, filters_applied: applied });
  });
  try {
    const rows = [];
    for (const limit of [10, 1_000]) {
      const pairs = await timed({ ours, theirs, limit, times: ci ? 15 : 60 });
      const typical = median(pairs.map((pair) => pair.theirs / pair.ours));
      const theirMs = median(pairs.map((pair) => pair.theirs));
      const measure = `dataset, ${limit} rows of 1 M`;
      const against = "the same SQL through reader.query, as JSON";
      rows.push(speedRow({ bench: "datasets", measure, ours: theirMs / typical, theirs: theirMs, against }, 0.9));
    }
    return { rows };
  } finally {
    await workspace.close();
  }
}

/** @typedef {{ request(url: string): Response | Promise<Response> }} App */

/**
 * Milliseconds of a request, for each round of both sides.
 *
 * @param {{ ours: App, theirs: App, limit: number, times: number }} what
 */
async function timed({ ours, theirs, limit, times }) {
  const sides = /** @type {const} */ (["ours", "theirs"]);
  const path = { ours: "/api/analytics/datasets/spend/query", theirs: "/query" };
  const pairs = [];
  for (let round = 0; round <= rounds; round += 1) {
    const took = { ours: 0, theirs: 0 };
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      const startedAt = performance.now();
      for (let time = 0; time < times; time += 1)
        await ask(side === "ours" ? ours : theirs, `${path[side]}?${parameters(round * times + time)}&limit=${limit}`);
      took[side] = (performance.now() - startedAt) / times;
    }
    // The first round warms both.
    if (round > 0) pairs.push(took);
  }
  return pairs;
}

/**
 * Parameters that no request before had.
 *
 * @param {number} count
 */
function parameters(count) {
  const day = new Date(Date.UTC(2026, 0, 1 + (count % 300))).toISOString().slice(0, 10);
  return `user_id=${Math.floor(count / 300) % 500}&start_date=${day}`;
}

/**
 * @param {App} app
 * @param {string} address
 */
async function ask(app, address) {
  const response = await app.request(`http://bench.test${address}`);
  const body = await response.text();
  if (response.status !== 200 || !body.includes('"row_count":')) throw new Error(body);
}
