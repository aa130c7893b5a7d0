// @ts-check
import { constants, copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { openWorkspace } from "lockkeeper";
import { median, timed } from "./lib/statistics.mjs";
import { durationRow } from "./lib/table.mjs";

const goal = 2;
const rounds = 5;

/** Checks that one scan of the table answers, and what else a store would have. */
const columns = [
  `{ check = "tables", names = ["holdings", "investors"] }`,
  `{ check = "rows", table = "holdings", min = 1, drift = 0.2 }`,
  `{ check = "schema", mode = "compatible" }`,
  `{ check = "not_null", table = "holdings", columns = ["id", "shuffled", "cik", "asset", "price", "shares"] }`,
  `{ check = "accepted", table = "holdings", column = "action", values = ["add", "cut", "hold"] }`,
  `{ check = "fresh", table = "holdings", column = "loaded_at", error_after = "3000d" }`,
];

/** @param {string[]} names */
const unique = (...names) => uniqueIn("holdings", ...names);
/**
 * @param {string} table
 * @param {string[]} names
 */
const uniqueIn = (table, ...names) => `{ check = "unique", table = "${table}", columns = ${JSON.stringify(names)} }`;
const references = `{ check = "references", table = "holdings", column = "cik", to = "investors.cik" }`;

/** What is measured: each is all of a store's checks. */
const sets = [
  { id: "columns", name: "one scan: rows, schema, not_null, accepted, fresh", checks: columns },
  { id: "referring", name: "the same and references", checks: [...columns, references] },
  { id: "ordered", name: "the same and unique, key in order", checks: [...columns, references, unique("id")] },
  { id: "numbers", name: "the same and unique, whole numbers in no order", checks: [...columns, references, unique("shuffled")] },
  {
    id: "together",
    name: "the same and unique, two columns, together by one",
    checks: [...columns, references, unique("cik", "asset")],
  },
  {
    id: "pairs",
    name: "the same and unique, two columns in no order",
    checks: [...columns, references, uniqueIn("pairs", "cik", "asset")],
  },
  { id: "texts", name: "the same and unique, texts in no order", checks: [...columns, references, uniqueIn("texts", "id")] },
];

/**
 * The check phase of a publish, from opening the build to the last result, against one scan that reads every value of the same file in an instance of its own.
 *
 * @type {import("./run.mjs").Bench}
 */
export async function run({ ci, folder, log }) {
  const source = join(folder, "holdings.duckdb");
  await buildHoldings(source, ci ? 1_000_000 : 10_000_000);
  const workspace = await openWorkspace({ config: writeConfiguration(folder) });
  try {
    // The first publish has nothing to be compared with.
    for (const { id } of sets) await checkPhase(workspace, id, source);
    /** @type {import("./lib/table.mjs").Row[]} */
    const rows = [];
    for (const { id, name } of sets) {
      /** @type {{ ours: number, theirs: number }[]} */
      const times = [];
      for (let round = 0; round < (ci ? 3 : rounds); round++) {
        const first = round % 2 === 0 ? await checkPhase(workspace, id, source) : undefined;
        const theirs = await timed(() => fullScan(source));
        times.push({ ours: first ?? (await checkPhase(workspace, id, source)), theirs });
      }
      log(`checks ${id}: ${times.map((time) => (time.ours / time.theirs).toFixed(2)).join(" ")}`);
      const theirs = median(times.map((time) => time.theirs));
      const ours = theirs * median(times.map((time) => time.ours / time.theirs));
      rows.push(durationRow({ bench: "checks", measure: name, ours, theirs, against: "one scan that hashes every value" }, goal));
    }
    return { rows };
  } finally {
    await workspace.close();
  }
}

/**
 * Milliseconds that a publish spends on its checks.
 *
 * @param {import("lockkeeper").Workspace} workspace
 * @param {string} store
 * @param {string} source
 */
async function checkPhase(workspace, store, source) {
  let startedAt = 0;
  let endedAt = 0;
  const result = await workspace.publish(store, async ({ path }) => copyFileSync(source, path, constants.COPYFILE_FICLONE), {
    onProgress(event) {
      if (event.kind !== "phase") return;
      if (event.phase === "check") startedAt = performance.now();
      if (event.phase === "install") endedAt = performance.now();
    },
  });
  const failed = result.checks.filter(({ status }) => status === "fail");
  if (result.outcome !== "switched" || failed.length > 0) throw new Error(`${store}: ${JSON.stringify(failed)}`);
  return endedAt - startedAt;
}

/** @param {string} path */
async function fullScan(path) {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run(`ATTACH '${path}' AS source (READ_ONLY)`);
    await connection.runAndReadAll("SELECT count(*), bit_xor(hash(COLUMNS(*))) FROM source.holdings");
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * @param {string} path
 * @param {number} rows
 */
async function buildHoldings(path, rows) {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    // 7919 is prime and divides neither number of rows, so each number comes once.
    await connection.run(`CREATE TABLE holdings AS SELECT
      range AS id, (range * 7919) % ${rows} AS shuffled, (range % 5000)::INTEGER AS cik, 'asset ' || (range // 5000) AS asset,
      CASE range % 3 WHEN 0 THEN 'add' WHEN 1 THEN 'cut' ELSE 'hold' END AS action, (hash(range) % 100000) / 100 AS price,
      (hash(range + 1) % 1000000)::BIGINT AS shares, TIMESTAMP '2026-01-01' + to_seconds(range % 8000000) AS loaded_at
      FROM range(${rows})`);
    // Keys in no order, in tables of their own, so that what is scanned stays what it is.
    await connection.run(
      "CREATE TABLE pairs AS SELECT (shuffled % 5000)::INTEGER AS cik, 'asset ' || (shuffled // 5000) AS asset FROM holdings",
    );
    await connection.run("CREATE TABLE texts AS SELECT 'holding ' || shuffled AS id FROM holdings");
    await connection.run("CREATE TABLE investors AS SELECT range::INTEGER AS cik, 'investor ' || range AS name FROM range(5000)");
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** @param {string} folder */
function writeConfiguration(folder) {
  const path = join(folder, "lockkeeper.toml");
  const stores = sets.map(
    ({ id, checks }) =>
      `[stores.${id}]\nkind = "release"\ndir = "${id}"\nlayout = "slots"\nbasename = "holdings"\nchecks = [\n${checks.join(",\n")}\n]\n`,
  );
  writeFileSync(path, `format = 1\n${stores.join("\n")}`);
  return path;
}
