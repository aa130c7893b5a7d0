// @ts-check
/**
 * Quarterly filings of large investors, in the shape of the SEC's form 13F, made up: who they are, what they hold at the end of
 * each quarter, and the day they told. The same arguments give the same rows in the same order, whatever the number of threads.
 *
 *   node generate.mjs --size s|m|full --out FOLDER [--quarters N]
 *
 * FOLDER gets `investors.parquet`, `assets.parquet` and one `filings/<quarter>.parquet` for each quarter. The numbers come from
 * DuckDB's `hash()`, so another version of DuckDB may give another world. What it is like, see `sizes` and the comments below.
 */
import { mkdirSync, readdirSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { investorNames, assetNames } from "./names.mjs";
import { fileSql, quoted } from "./sql.mjs";

/** @typedef {{ investors: number, assets: number }} Size */
/** @typedef {{ investors: number, assets: number, quarters: string[], rows: number }} Generated */

/** The worlds there are. With eight quarters `s` has about 200,000 filed positions, `m` 2 million, `full` 8 million; `xs` is for tests. */
export const sizes = /** @type {const} */ ({
  xs: { investors: 60, assets: 400 },
  s: { investors: 430, assets: 4_000 },
  m: { investors: 4_000, assets: 15_000 },
  full: { investors: 15_000, assets: 40_000 },
});

const firstYear = 2023;
const quartersDefault = 8;
/** The quarter's number has six bits of a key in `macros`. */
const quartersMax = 40;

/** Half of the investors hold fewer than 35 assets; the largest of `full` some thousands. */
const holdingsMedian = 35;
const holdingsSigma = 1.2;
const holdingsMax = 20_000;
/** The exponent of the assets' popularity: the asset of rank r is held about r^-0.8 times as often as the first. */
const popularityExponent = 0.8;
/** Share of the positions that an investor closes in a quarter, and opens others instead. */
const churn = 0.16;
/** Days from a quarter's end to the last day to file. Most investors file late. */
const filingDays = 45;

/**
 * Random numbers that are a function of who, which position, when and what for: no order of execution can change one.
 * An investor has 14 bits of the key, a position 16, a quarter 6, the purpose 4.
 */
const macros = [
  `CREATE MACRO mixed(investor, place, quarter, purpose) AS
     hash(((investor::BIGINT * 65536 + place) * 64 + quarter) * 16 + purpose)`,
  `CREATE MACRO uniform(investor, place, quarter, purpose) AS
     ((mixed(investor, place, quarter, purpose) >> 11)::DOUBLE + 0.5) / 9007199254740992`,
  // Box and Muller's way from two uniform numbers to a normal one.
  `CREATE MACRO normal(investor, place, quarter, purpose) AS
     sqrt(-2 * ln(uniform(investor, place, quarter, purpose))) * cos(2 * pi() * uniform(investor, place, quarter, purpose + 1))`,
];

/**
 * Writes the filings into a new or empty folder.
 *
 * @param {{ size: keyof typeof sizes, out: string, quarters?: number | undefined, threads?: number | undefined }} options
 *   `threads` bounds DuckDB's; the rows are the same with any number
 * @returns {Promise<Generated>}
 */
export async function generate({ size, out, quarters = quartersDefault, threads }) {
  const world = sizes[size];
  if (!Object.hasOwn(sizes, size)) throw new Error(`there is no size "${size}"; there are ${Object.keys(sizes).join(", ")}`);
  if (!Number.isInteger(quarters) || quarters < 1 || quarters > quartersMax) {
    throw new Error(`quarters is ${quarters}; it must be a whole number from 1 to ${quartersMax}`);
  }
  const folder = resolve(out);
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length > 0) throw new Error(`${folder} is not empty; name a folder that is new or empty`);
  mkdirSync(join(folder, "filings"));
  const instance = await DuckDBInstance.create(":memory:", threads === undefined ? {} : { threads: String(threads) });
  const connection = await instance.connect();
  /** @param {string} sql */
  const run = async (sql) => void (await connection.run(sql));
  /**
   * @param {string} name
   * @param {string} sql
   */
  const write = (name, sql) => run(`COPY (${sql}) TO ${quoted(join(folder, name))} (FORMAT parquet)`);
  try {
    for (const macro of macros) await run(macro);
    await makeWorld(run, world);
    await write("investors.parquet", "SELECT cik, name FROM investors ORDER BY cik");
    await write("assets.parquet", "SELECT asset_id, symbol, name FROM assets ORDER BY asset_id");
    const names = Array.from({ length: quarters }, (_, index) => quarterOf(index));
    for (const [index, quarter] of names.entries()) {
      await moveOn(run, { index, assets: world.assets });
      await write(`filings/${quarter.name}.parquet`, filingsSql(quarter, index, world));
    }
    const counted = await connection.runAndReadAll(`SELECT count(*)::INTEGER FROM ${fileSql(folder, "filings/*.parquet")}`);
    return { ...world, quarters: names.map(({ name }) => name), rows: Number(counted.getRowsJson()[0]?.[0]) };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * Investors with their number of positions, and assets with their first price.
 *
 * @param {(sql: string) => Promise<void>} run
 * @param {Size} world
 */
async function makeWorld(run, { investors, assets }) {
  await run(
    `CREATE TABLE investors AS
     SELECT i::INTEGER AS investor, 1000000 + i * 37 AS cik, ${investorNames("i")} AS name,
       greatest(1, least(${Math.min(holdingsMax, assets)}, round(${holdingsMedian} * exp(${holdingsSigma} * normal(i, 0, 0, 0)))))::INTEGER AS positions
     FROM range(${investors}) AS _(i)`,
  );
  await run(
    `CREATE TABLE assets AS
     SELECT (i + 1)::INTEGER AS asset_id, ${assetNames("i")},
       greatest(100, round(4000 * exp(normal(0, i, 0, 2))))::BIGINT AS cents
     FROM range(${assets}) AS _(i)`,
  );
}

/**
 * The positions at the end of the next quarter: some closed and others opened, the rest with some more or fewer shares.
 *
 * @param {(sql: string) => Promise<void>} run
 * @param {{ index: number, assets: number }} quarter
 */
async function moveOn(run, { index, assets }) {
  const opened = {
    asset: popularAsset(index, assets),
    shares: `greatest(1, round(2000 * exp(1.8 * normal(investor, place, ${index}, 6))))::BIGINT`,
  };
  if (index === 0) {
    await run(
      `CREATE TABLE positions AS
       SELECT investor, place::INTEGER AS place, ${opened.asset} AS asset_id, ${opened.shares} AS shares
       FROM investors, range(positions) AS _(place)`,
    );
    return;
  }
  await run(
    `CREATE OR REPLACE TABLE positions AS
     SELECT investor, place, if(closes, ${opened.asset}, asset_id) AS asset_id,
       if(closes, ${opened.shares}, greatest(1, shares * (1000 + (mixed(investor, place, ${index}, 8) % 241)::BIGINT - 110) // 1000)) AS shares
     FROM (SELECT *, uniform(investor, place, ${index}, 9) < ${churn} AS closes FROM positions)`,
  );
  await run(
    `UPDATE assets SET cents = greatest(100, cents * (1000 + (mixed(0, asset_id, ${index}, 10) % 301)::BIGINT - 140) // 1000)`,
  );
}

/**
 * SQL of an asset drawn by popularity: the inverse of a power law's distribution gives its rank. Ranks are strewn over the ids.
 *
 * @param {number} index of the quarter
 * @param {number} assets
 */
function popularAsset(index, assets) {
  const rest = 1 - popularityExponent;
  const rank = `pow(1 + uniform(investor, place, ${index}, 5) * ${(assets + 1) ** rest - 1}, ${1 / rest})`;
  return `((least(${assets}, floor(${rank})::BIGINT) * 7919) % ${assets} + 1)::INTEGER`;
}

/**
 * SQL of what is filed for a quarter. An investor files all at once. Who holds an asset in two positions files the first of them.
 * The day: investors are spread evenly over a curve on which every day has its filings, and the last days most.
 *
 * @param {{ name: string, end: string }} quarter
 * @param {number} index
 * @param {Size} world
 */
function filingsSql({ name, end }, index, { investors }) {
  const share = `(((investor * 7919 + ${index} * 104729) % ${investors}) + 1) / ${investors}`;
  return `
    SELECT cik, asset_id, '${name}' AS quarter, (DATE '${end}' + ceil(${filingDays} * pow(${share}, 0.6))::INTEGER) AS filed,
      shares, greatest(1, shares * cents // 100) AS value
    FROM (SELECT investor, asset_id, arg_min(shares, place) AS shares FROM positions GROUP BY ALL)
    JOIN investors USING (investor) JOIN assets USING (asset_id) ORDER BY cik, asset_id`;
}

/**
 * @param {number} index from 0
 * @returns {{ name: string, end: string }} its last day as YYYY-MM-DD
 */
function quarterOf(index) {
  const year = firstYear + Math.floor(index / 4);
  const number = (index % 4) + 1;
  return { name: `${year}-Q${number}`, end: new Date(Date.UTC(year, number * 3, 0)).toISOString().slice(0, 10) };
}

/** The command. */
async function main() {
  const usage = "usage: node generate.mjs --size s|m|full --out FOLDER [--quarters N]";
  try {
    const { values } = parseArgs({
      options: { size: { type: "string" }, out: { type: "string" }, quarters: { type: "string" } },
    });
    if (values.size === undefined || values.out === undefined) throw new Error("--size and --out are needed");
    const quarters = values.quarters === undefined ? undefined : Number(values.quarters);
    const made = await generate({ size: /** @type {keyof typeof sizes} */ (values.size), out: values.out, quarters });
    console.log(
      `${made.rows} positions of ${made.investors} investors in ${made.quarters.length} quarters, ${made.quarters.at(0)} to ${made.quarters.at(-1)}`,
    );
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exitCode = 2;
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
