import { renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { diffReleases } from "../../src/reader/kept/diff.ts";
import { readerTools } from "../../src/workspace/wiring.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { flipBit, ParquetStore, type WrittenRelease, type WrittenTable } from "./support/parquet-store.ts";
import { readerOn } from "./support/real-reader.ts";
import { rejection } from "./support/rejection.ts";

const build = "0123456789ab";

function sales(value: number): WrittenTable {
  return {
    schema: "mart",
    name: "sales",
    path: "mart/sales.parquet",
    columns: [["v", "INTEGER"]],
    files: { "mart/sales.parquet": `SELECT ${value}::INTEGER AS v FROM range(100)` },
  };
}

function years(value: number): WrittenTable {
  const files = [2025, 2026].map((year) => [`mart/years/year=${year}/d.parquet`, `SELECT ${value}::INTEGER AS v`] as const);
  return {
    schema: "mart",
    name: "years",
    path: "mart/years",
    hive: ["year"],
    columns: [
      ["v", "INTEGER"],
      ["year", "BIGINT"],
    ],
    files: Object.fromEntries(files),
  };
}

/** A DuckDB file and two Parquet tables, all of one value. */
function mixed(value: number): WrittenRelease {
  const database = [
    "CREATE SCHEMA mart",
    `CREATE TABLE mart.own AS SELECT ${value} AS v`,
    `CREATE TABLE base AS SELECT ${value} AS v`,
  ];
  return { database, tables: [sales(value), years(value)] };
}

const allSql =
  "SELECT DISTINCT v FROM (FROM own UNION ALL FROM mart.own UNION ALL FROM base UNION ALL FROM sales UNION ALL SELECT v FROM mart.years)";

test.each(["store", "year=1999/v=7", "Umsätze [a]*{b}, 'c'"])(
  "a release of both kinds is read as one, wherever it lies: %s",
  async (above) => {
    const store = new ParquetStore(join(temporaryFolder(), above));
    await store.publish(mixed(5));
    const reader = await readerOn(store.paths.folder, { verify: "sha256" });
    expect((await reader.query(allSql)).rows).toEqual([[5]]);
    expect((await reader.query("SELECT year FROM years ORDER BY v, year")).rows).toEqual([["2025"], ["2026"]]);
    expect((await reader.query("SELECT * FROM years WHERE year = 2026")).rows).toEqual([[5, "2026"]]);
  },
);

test("a release of Parquet alone needs no DuckDB file; an empty table is a table", async () => {
  const store = new ParquetStore(temporaryFolder());
  const empty: WrittenTable = { ...sales(1), files: { "mart/sales.parquet": "SELECT 1::INTEGER AS v WHERE false" } };
  const id = await store.publish({ tables: [empty, years(3)] });
  const reader = await readerOn(store.paths.folder);
  expect(reader.status()).toMatchObject({ release: id, pinned: true });
  const { rows, columns } = await reader.query("SELECT * FROM mart.sales");
  expect([rows, columns]).toEqual([[], [{ name: "v", type: "INTEGER" }]]);
  expect((await reader.query("SELECT sum(v) FROM years")).rows).toEqual([["6"]]);
});

test("a borrow keeps its release over a switch; the next request has all of the new one", async () => {
  const store = new ParquetStore(temporaryFolder());
  const first = await store.publish(mixed(1));
  const reader = await readerOn(store.paths.folder);
  await reader.borrow(async (release) => {
    expect((await release.query(allSql)).rows).toEqual([[1]]);
    await store.publish({
      ...mixed(2),
      tables: [
        sales(2),
        years(2),
        { ...sales(2), name: "more", path: "mart/more.parquet", files: { "mart/more.parquet": "SELECT 2 AS v" } },
      ],
    });
    expect((await reader.query(allSql)).rows).toEqual([[2]]);
    expect((await reader.query("SELECT v FROM more")).rows).toEqual([[2]]);
    expect((await release.query(allSql)).rows).toEqual([[1]]);
    expect(await rejection(release.query("SELECT v FROM more"))).toMatchObject({ code: "QUERY_FAILED" });
  });
  expect((await reader.query(allSql, [], { release: first })).rows).toEqual([[1]]);
});

describe("a release is refused before it serves, and the last good one serves on", () => {
  test.each<[string, string, (path: string) => void]>([
    ["cut short", "CHECKSUM_MISMATCH", (path) => truncateSync(path, 50)],
    ["missing", "FILE_MISSING", (path) => rmSync(path)],
    ["a link", "CHECKSUM_MISMATCH", (path) => (renameSync(path, `${path}.real`), symlinkSync(`${path}.real`, path))],
  ])("where a file is %s", async (_what, code, damage) => {
    for (const file of ["mart/sales.parquet", "mart/years/year=2026/d.parquet"]) {
      const store = new ParquetStore(temporaryFolder());
      const first = await store.publish(mixed(1));
      const reader = await readerOn(store.paths.folder);
      const next = new ParquetStore(temporaryFolder());
      await next.publish(mixed(1));
      const second = await next.publish(mixed(2));
      const path = join(store.paths.release(second), file);
      renameSync(next.paths.release(second), store.paths.release(second));
      damage(path);
      renameSync(next.paths.pin(second), store.paths.pin(second));
      renameSync(next.paths.manifest, store.paths.manifest);
      expect((await reader.query(allSql)).release).toBe(first);
      // One, or more on a machine that is slow enough for another try.
      expect(reader.status().failures).toBeGreaterThan(0);
      expect(reader.status()).toMatchObject({
        release: first,
        lastManifestError: { code, message: expect.stringContaining(path) },
      });
      expect(await rejection(reader.query("SELECT 1", [], { release: second }))).toMatchObject({ code, subject: path });
    }
  });

  test("FACTS 2.9: a flipped bit is a wrong sum by its size, and CHECKSUM_MISMATCH by its hash", async () => {
    const store = new ParquetStore(temporaryFolder());
    const files = { "mart/sales.parquet": "SELECT range::INTEGER AS v FROM range(100)" };
    const id = await store.publish({ tables: [{ ...sales(0), files }] });
    const path = join(store.paths.release(id), "mart/sales.parquet");
    const right = (await (await readerOn(store.paths.folder, { verify: "sha256" })).query("SELECT sum(v) FROM sales")).rows;
    expect(right).toEqual([["4950"]]);
    // In the data page, behind the magic and the page's head.
    const wrong: unknown[] = [];
    for (let place = 60; place < 160 && wrong.length === 0; place += 8) {
      flipBit(path, place);
      const reader = await readerOn(store.paths.folder);
      const outcome = await reader.query("SELECT sum(v) FROM sales").catch(() => undefined);
      if (outcome !== undefined && outcome.rows[0]?.[0] !== "4950") wrong.push(outcome.rows[0]?.[0]);
      else flipBit(path, place);
      await reader.close();
    }
    expect(wrong).toHaveLength(1);
    expect(await rejection(readerOn(store.paths.folder, { verify: "sha256" }))).toMatchObject({
      code: "CHECKSUM_MISMATCH",
      subject: path,
    });
    const reader = await readerOn(store.paths.folder);
    expect((await reader.query("SELECT count(*) FROM sales")).rows).toEqual([["100"]]);
  });

  test("a table whose files the record does not list is no release", async () => {
    const store = new ParquetStore(temporaryFolder());
    await store.publish({ tables: [sales(1), { ...sales(1), name: "gone", path: "mart/gone", files: {} }] });
    expect(await rejection(readerOn(store.paths.folder))).toMatchObject({ code: "RECORD_INVALID" });
  });
});

test("two releases are compared over both kinds, also where a table moved from one to the other", async () => {
  const store = new ParquetStore(temporaryFolder());
  await store.publish(mixed(1));
  await store.publish({
    database: ["CREATE SCHEMA mart", "CREATE TABLE mart.sales AS SELECT 1::INTEGER AS v FROM range(100)"],
    tables: [years(2)],
  });
  const { tables } = await diffReleases({ dir: store.paths.folder }, readerTools(), {});
  expect(tables.map(({ schema, name, change, differs }) => [schema, name, change, differs])).toEqual([
    ["main", "base", "removed", []],
    ["mart", "own", "removed", []],
    ["mart", "sales", "same", []],
    ["mart", "years", "changed", ["content"]],
  ]);
});

describe("a build in quarantine", () => {
  test("is read by its id, with all that it holds", async () => {
    const store = new ParquetStore(temporaryFolder());
    await store.publish(mixed(1));
    await store.quarantine(build, mixed(4));
    const reader = await readerOn(store.paths.folder);
    expect((await reader.query(allSql, [], { release: build })).rows).toEqual([[4]]);
  });

  test("may be of Parquet alone, and is refused where a file is not as it was", async () => {
    const store = new ParquetStore(temporaryFolder());
    await store.publish(mixed(1));
    const folder = await store.quarantine(build, { tables: [sales(4)] });
    const path = join(folder, "mart/sales.parquet");
    const reader = await readerOn(store.paths.folder, { keptIdleMs: 0 });
    expect((await reader.query("SELECT max(v) FROM sales", [], { release: build })).rows).toEqual([[4]]);
    writeFileSync(path, "x");
    const other = await readerOn(store.paths.folder);
    expect(await rejection(other.query("SELECT 1", [], { release: build }))).toMatchObject({
      code: "CHECKSUM_MISMATCH",
      subject: path,
    });
  });

  test("that tells of files outside of its folder is not followed", async () => {
    const store = new ParquetStore(temporaryFolder());
    await store.publish(mixed(1));
    await store.quarantine(build, { tables: [sales(4)] }, (contents) => {
      const text = JSON.stringify(contents).replaceAll("mart/sales.parquet", "../../../releases/r000001/mart/sales.parquet");
      return JSON.parse(text) as object;
    });
    const reader = await readerOn(store.paths.folder);
    expect(await rejection(reader.query("FROM sales", [], { release: build }))).toMatchObject({ code: "RELEASE_UNKNOWN" });
  });
});
