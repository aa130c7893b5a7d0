import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { writeParquet as writeInPlace } from "../support/parquet.ts";
import { writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { readerOn } from "./support/real-reader.ts";
import { rejection } from "./support/rejection.ts";

/** Writes a Parquet file as a careful program does: beside it, and renamed. */
async function writeParquet(path: string, select: string): Promise<void> {
  await writeInPlace(`${path}.new`, select);
  renameSync(`${path}.new`, path);
}

/** A folder where a store would be, one with Parquet files of value 1 in three places, and a single file with value 9. */
async function places() {
  const root = temporaryFolder();
  const [dir, parquet, single] = [join(root, "store"), join(root, "parquet"), join(root, "single.duckdb")];
  await writeParquet(join(parquet, "mart/sales.parquet"), "SELECT 1 AS v");
  await writeParquet(join(parquet, "top.parquet"), "SELECT 1 AS v");
  for (const year of [2025, 2026]) await writeParquet(join(parquet, `years/year=${year}/part.parquet`), "SELECT 1 AS v");
  await writeDatabase(
    single,
    "CREATE TABLE t AS SELECT 9 AS v",
    "CREATE SCHEMA mart",
    "CREATE TABLE mart.sales AS SELECT 9 AS v",
  );
  return { dir, parquet, single, sales: join(parquet, "mart/sales.parquet") };
}

const salesSql = "FROM mart.sales";

test("Parquet files serve before the single file: of a folder's schema, of main, and in folders of keys", async () => {
  const { dir, parquet, single } = await places();
  const warnings: string[] = [];
  const reader = await readerOn(dir, { fallback: single, fallbackParquet: parquet });
  reader.on("warning", ({ message }) => void warnings.push(message));
  expect((await reader.query("SELECT (FROM mart.sales), (FROM sales), (FROM top), (SELECT sum(v) FROM years)")).rows).toEqual([
    [1, 1, 1, "2"],
  ]);
  expect((await reader.query("SELECT year FROM years ORDER BY year")).rows).toEqual([["2025"], ["2026"]]);
  expect(await rejection(reader.query("FROM t"))).toMatchObject({ code: "QUERY_FAILED" });
  expect(reader.status()).toMatchObject({ ok: true, mode: "fallback", release: "fallback", servingVersion: 0 });
  expect(await reader.checkConnection()).toBe(true);
});

test("with artifacts the folder is read as a build's is", async () => {
  const { dir, parquet } = await places();
  const artifacts = [{ kind: "parquet", path: "mart", schema: "gold" }] as const;
  const reader = await readerOn(dir, { fallbackParquet: { dir: parquet, artifacts } });
  expect((await reader.query("FROM gold.sales")).rows).toEqual([[1]]);
  expect(await rejection(reader.query("FROM top"))).toMatchObject({ code: "QUERY_FAILED" });
});

test("what is written there is served from the next request on: another file, another value in place, another table, none", async () => {
  const { dir, parquet, single, sales } = await places();
  const reader = await readerOn(dir, { fallback: single, fallbackParquet: parquet });
  const uids: string[] = [];
  // What is kept under a release's uid, as a server keeps answers, is of these files alone.
  const value = () =>
    reader.borrow(async (release) => {
      if (uids.at(-1) !== release.uid) uids.push(release.uid);
      return (await release.query(salesSql)).rows[0]?.[0];
    });
  expect(await value()).toBe(1);
  await writeParquet(sales, "SELECT 2 AS v");
  expect(await value()).toBe(2);
  // In place, and of the same length: the inode stays.
  const { ino, size } = statSync(sales);
  await writeParquet(`${sales}.other`, "SELECT 3 AS v");
  writeFileSync(sales, readFileSync(`${sales}.other`));
  rmSync(`${sales}.other`);
  expect([statSync(sales).ino, statSync(sales).size]).toEqual([ino, size]);
  expect(await value()).toBe(3);
  await writeParquet(join(parquet, "mart/more.parquet"), "SELECT 'x' AS text");
  expect((await reader.query("FROM mart.more")).rows).toEqual([["x"]]);
  await writeParquet(sales, "SELECT 'of another type' AS v");
  expect(await value()).toBe("of another type");
  rmSync(parquet, { recursive: true });
  expect(await value()).toBe(9);
  await writeParquet(sales, "SELECT 4 AS v");
  expect(await value()).toBe(4);
  expect([uids.length, new Set(uids).size]).toEqual([6, 6]);
});

test("what others lay beside the tables is none: unfinished files of the engine, hidden ones, other kinds", async () => {
  const { dir, parquet, sales } = await places();
  writeFileSync(join(dirname(sales), "tmp_sales.parquet"), "PAR1");
  writeFileSync(join(dirname(sales), ".sales.parquet"), "");
  writeFileSync(join(dirname(sales), "README.txt"), "");
  writeFileSync(join(parquet, "{name}.parquet"), "");
  const reader = await readerOn(dir, { fallbackParquet: parquet });
  const { rows } = await reader.query("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL");
  expect(rows).toEqual([["sales"], ["top"], ["years"]]);
});

test("a file without an end is waited for, also at the start; past the bound the answer names it", async () => {
  const { dir, parquet, sales } = await places();
  const whole = readFileSync(sales);
  truncateSync(sales, whole.length - 4);
  const reader = await readerOn(dir, { fallbackParquet: parquet, waitMs: 200 });
  expect(await rejection(reader.query(salesSql))).toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(/the Parquet files below .* cannot be read now: .*sales\.parquet has no end/),
  });
  expect(await reader.checkConnection()).toBe(false);
  const patient = await readerOn(dir, { fallbackParquet: parquet, waitMs: 60_000 });
  const answer = patient.query(salesSql);
  writeFileSync(sales, whole);
  expect((await answer).rows).toEqual([[1]]);
});

test("neither files nor file: NO_RELEASE names both; a link and a file that is none are told, too", async () => {
  const { dir, parquet, single, sales } = await places();
  const [noFolder, noFile] = [`${parquet}.none`, `${single}.none`];
  expect(await rejection(readerOn(dir, { fallback: noFile, fallbackParquet: noFolder }))).toMatchObject({
    code: "NO_RELEASE",
    message: expect.stringMatching(
      /no manifest at .*db_manifest\.json, and there is no Parquet table below .*parquet\.none and no file at .*single\.duckdb\.none$/,
    ),
  });
  writeFileSync(sales, "no Parquet file at all");
  expect(await rejection(readerOn(dir, { fallbackParquet: parquet }))).toMatchObject({
    code: "DATABASE_CORRUPT",
    message: expect.stringContaining("sales.parquet"),
  });
  rmSync(sales);
  symlinkSync(join(parquet, "top.parquet"), sales);
  expect(await rejection(readerOn(dir, { fallbackParquet: parquet }))).toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringMatching(/sales\.parquet is a link/),
  });
});

test("lastRefresh: the newest Parquet file, then the single file, then null; with a manifest its lastUpdated", async () => {
  const { dir, parquet, single, sales } = await places();
  const reader = await readerOn(dir, { fallback: single, fallbackParquet: parquet, waitMs: 0 });
  const [newest, older] = [new Date("2031-02-03T04:05:06Z"), new Date("2030-01-01T00:00:00Z")];
  utimesSync(sales, newest, newest);
  utimesSync(single, older, older);
  expect(await reader.lastRefresh()).toBe("2031-02-03T04:05:06.000Z");
  rmSync(parquet, { recursive: true });
  expect(await reader.lastRefresh()).toBe("2030-01-01T00:00:00.000Z");
  expect(await reader.checkConnection()).toBe(true);
  rmSync(single);
  expect(await reader.lastRefresh()).toBeNull();
  expect(await reader.checkConnection()).toBe(false);
  mkdirSync(dir);
  await writeDatabase(join(dir, "DB_a.duckdb"), "CREATE TABLE t AS SELECT 5 AS v");
  writeFileSync(join(dir, "db_manifest.json"), '{"active":"a","version":7,"lastUpdated":"2029-01-01T00:00:00Z"}');
  const following = await readerOn(dir, { fallback: single, fallbackParquet: parquet });
  expect(await following.lastRefresh()).toBe("2029-01-01T00:00:00Z");
  await following.close();
  expect(await following.checkConnection()).toBe(false);
  expect(await rejection(following.lastRefresh())).toMatchObject({ code: "READER_CLOSED" });
});

test("many at once share their looks, and a manifest takes over from the files", async () => {
  const { dir, parquet, sales } = await places();
  const reader = await readerOn(dir, { fallbackParquet: parquet });
  const ask = () => Promise.all(Array.from({ length: 50 }, async () => (await reader.query(salesSql)).rows[0]?.[0]));
  expect(new Set(await ask())).toEqual(new Set([1]));
  await writeParquet(sales, "SELECT 2 AS v");
  expect(new Set(await ask())).toEqual(new Set([2]));
  mkdirSync(dir);
  await writeDatabase(join(dir, "DB_a.duckdb"), "CREATE SCHEMA mart", "CREATE TABLE mart.sales AS SELECT 5 AS v");
  writeFileSync(join(dir, "db_manifest.json"), '{"active":"a","version":1,"lastUpdated":"2029-01-01T00:00:00Z"}');
  expect((await reader.query(salesSql)).rows).toEqual([[5]]);
});
