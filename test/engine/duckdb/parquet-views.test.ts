import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Database } from "../../../src/engine/duckdb/database.ts";
import type { ParquetSource } from "../../../src/model/artifact.ts";
import { writeDatabase } from "../../support/store.ts";
import { writeParquet } from "../../support/parquet.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { engine, errorOf, openFile, valueOf } from "./support.ts";

/** The sources shown with nothing attached; a file of the release stands for it. */
async function openShown(parquet: readonly ParquetSource[]): Promise<Database> {
  const path = join(temporaryFolder(), "release.json");
  writeFileSync(path, "{}");
  return openFile(path, { names: [], parquet });
}

function source(name: string, files: readonly string[], more: Partial<ParquetSource> = {}): ParquetSource {
  return { schema: "mart", name, files, hive: [], ...more };
}

describe("names", () => {
  test("tables of a DuckDB file and of Parquet are found side by side, also in one schema", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "DB.duckdb");
    await writeDatabase(
      path,
      "CREATE SCHEMA mart",
      "CREATE TABLE mart.own AS SELECT 1 AS a",
      "CREATE TABLE base AS SELECT 2 AS a",
    );
    await writeParquet(join(folder, "p.parquet"), "SELECT 3 AS a");
    await writeParquet(join(folder, "q.parquet"), "SELECT 4 AS a");
    const parquet = [source("p", [join(folder, "p.parquet")]), source("q", [join(folder, "q.parquet")], { schema: "main" })];
    const database = await openFile(path, { parquet });
    const { rows } = await database.query(
      "SELECT * FROM mart.own, base, mart.p, q, (FROM p), (FROM main.q), (FROM main.base), (FROM memory.mart.p), (FROM DB.base)",
      undefined,
      {},
    );
    expect(rows).toEqual([[1, 2, 3, 4, 3, 4, 2, 3, 2]]);
    expect(await valueOf(database, "SELECT current_database()")).toBe("DB");
  });

  test("a schema's name may hold dots, commas, quotes and letters of any language", async () => {
    const file = join(temporaryFolder(), "Umsätze, [a]*{b}?", "größe.parquet");
    await writeParquet(file, "SELECT 5 AS a");
    const database = await openShown([source('t"x', [file], { schema: `ä.b,"c'd` })]);
    expect(await valueOf(database, `SELECT a FROM "t""x"`)).toBe(5);
    expect(await valueOf(database, `SELECT a FROM "ä.b,""c'd"."t""x"`)).toBe(5);
    expect(await valueOf(database, "SELECT current_database()")).toBe("memory");
  });

  test("a path with the signs of a pattern is that file, whatever lies beside it", async () => {
    const folder = temporaryFolder();
    await writeParquet(join(folder, "[ab].parquet"), "SELECT 1 AS a");
    await writeParquet(join(folder, "a.parquet"), "SELECT 2 AS a");
    expect(await valueOf(await openShown([source("t", [join(folder, "[ab].parquet")])]), "SELECT sum(a) FROM t")).toBe("1");
  });

  test("two sets of tables on one file of a release are two databases, the same set is shared", async () => {
    const folder = temporaryFolder();
    const [path, a, b] = [join(folder, "DB.duckdb"), join(folder, "a.parquet"), join(folder, "b.parquet")];
    await writeDatabase(path, "CREATE TABLE own AS SELECT 0 AS a");
    await writeParquet(a, "SELECT 1 AS a");
    await writeParquet(b, "SELECT 2 AS a");
    const opened = await Promise.all([[a], [b], [a]].map((files) => openFile(path, { parquet: [source("t", files)] })));
    expect(await Promise.all(opened.map((each) => valueOf(each, "SELECT a FROM t")))).toEqual([1, 2, 1]);
  });
});

describe("folders that hold values", () => {
  const select = "SELECT v, k, typeof(k) FROM t ORDER BY v";

  async function partitioned(above: string, values: readonly string[], data = "SELECT {} AS v"): Promise<string[]> {
    const root = join(temporaryFolder(), above, "t");
    const files = values.map((value) => join(root, `k=${value}`, "d.parquet"));
    for (const [index, file] of files.entries()) await writeParquet(file, data.replace("{}", String(index)));
    return files;
  }

  test.each(["store", "k=9", "v=7/k=8", "z=1"])("are columns of the table, and those above it are not: %s", async (above) => {
    const files = await partitioned(above, ["2020", "2021"]);
    const free = await openShown([source("t", files, { hive: ["k"] })]);
    const expected = [
      [0, "2020", "BIGINT"],
      [1, "2021", "BIGINT"],
    ];
    expect((await free.query(select, undefined, {})).rows).toEqual(expected);
    expect((await free.query("SELECT * FROM t", undefined, {})).columns.map(({ name }) => name)).toEqual(["v", "k"]);
    const columns = [
      { name: "k", type: "VARCHAR" },
      { name: "v", type: "INTEGER" },
    ];
    const pinned = await openShown([source("t", files, { hive: ["k"], columns })]);
    expect((await pinned.query(select, undefined, {})).rows).toEqual(expected.map(([v, k]) => [v, k, "VARCHAR"]));
    expect((await pinned.query("SELECT * FROM t WHERE k = '2021'", undefined, {})).rows).toEqual([["2021", 1]]);
  });

  test.each(["store", "k=9"])("may stand for NULL, be encoded, and be in the files too: %s", async (above) => {
    const files = await partitioned(above, ["__HIVE_DEFAULT_PARTITION__", "a%20b", "c"], "SELECT {} AS v, 'other' AS k");
    const database = await openShown([source("t", files, { hive: ["k"] })]);
    expect((await database.query(select, undefined, {})).rows).toEqual([
      [0, null, "VARCHAR"],
      [1, "a b", "VARCHAR"],
      [2, "c", "VARCHAR"],
    ]);
  });

  test("above a table without such columns show none", async () => {
    const file = join(temporaryFolder(), "v=1", "t.parquet");
    await writeParquet(file, "SELECT 5 AS v");
    expect((await (await openShown([source("t", [file])])).query("SELECT * FROM t", undefined, {})).rows).toEqual([[5]]);
  });

  test("leave out files by a filter", async () => {
    const files = await partitioned("store", ["2020", "2021"]);
    const database = await openShown([source("t", files, { hive: ["k"] })]);
    // Files that no filter needs are not even opened.
    truncateSync(files[1] ?? "", 3);
    expect(await valueOf(database, "SELECT sum(v) FROM t WHERE k = 2020")).toBe("0");
  });
});

describe("inspect", () => {
  test("tells of the DuckDB file and of Parquet, with exact rows", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "DB.duckdb");
    await writeDatabase(path, "CREATE TABLE own AS SELECT 1 AS a", "CREATE VIEW v AS SELECT * FROM own");
    const files = ["a", "b"].map((name) => join(folder, `${name}.parquet`));
    for (const file of files) await writeParquet(file, "SELECT 1::DECIMAL(9,2) AS d, {'x': 1} AS s FROM range(3)");
    await writeParquet(join(folder, "empty.parquet"), "SELECT 1 AS a WHERE false");
    const parquet = [source("t", files), source("empty", [join(folder, "empty.parquet")], { schema: "main" })];
    const inspection = await engine.inspect(path, "DB", parquet);
    onTestFinished(() => inspection.close());
    expect(inspection.storageVersion).toMatch(/^v1/);
    const shown = inspection.tables.map(({ schema, name, kind, rows }) => [schema, name, kind, rows]);
    expect(shown).toEqual([
      ["main", "own", "table", 1],
      ["main", "v", "view", undefined],
      ["main", "empty", "table", 0],
      ["mart", "t", "table", 6],
    ]);
    expect(inspection.tables[3]).toMatchObject({
      parquet: { path: "", files: 2, hive: [] },
      columns: [
        { name: "d", type: "DECIMAL(9,2)", nullable: true },
        { name: "s", type: "STRUCT(x INTEGER)", nullable: true },
      ],
    });
    expect(inspection.unportableViews).toEqual([]);
    expect(inspection.brokenViews).toEqual([]);
    const alone = await engine.inspect(undefined, "DB", parquet);
    onTestFinished(() => alone.close());
    expect(alone).toMatchObject({ storageVersion: "none", brokenViews: [], unportableViews: [] });
    expect(alone.tables.map(({ name }) => name)).toEqual(["empty", "t"]);
    expect((await alone.query("SELECT count(*) FROM mart.t")).rows).toEqual([["6"]]);
  });

  test("of nothing answers statements all the same", async () => {
    const inspection = await engine.inspect(undefined, "DB");
    expect((await inspection.query("SELECT 1")).rows).toEqual([[1]]);
    await inspection.close();
  });

  test.each([
    ["DATABASE_CORRUPT", (file: string) => truncateSync(file, 40)],
    ["FILE_MISSING", (file: string) => rmSync(file)],
  ])("and opening throw %s with the file", async (code, damage) => {
    const [good, bad] = ["good", "bad"].map((name) => join(temporaryFolder(), `${name}.parquet`)) as [string, string];
    for (const file of [good, bad]) await writeParquet(file, "SELECT 1 AS a");
    damage(bad);
    const parquet = [source("good", [good]), source("bad", [bad])];
    expect(await errorOf(engine.inspect(undefined, "DB", parquet))).toMatchObject({ code, subject: bad });
    expect(await errorOf(openShown(parquet))).toMatchObject({ code, subject: bad });
    const path = join(dirname(good), "DB.duckdb");
    await writeDatabase(path, "CREATE TABLE own AS SELECT 1 AS a");
    expect(await errorOf(openFile(path, { parquet }))).toMatchObject({ code, subject: bad });
  });

  test("a table whose recorded column is gone does not bind", async () => {
    const file = join(temporaryFolder(), "t.parquet");
    await writeParquet(file, "SELECT 1 AS a");
    const parquet = [source("t", [file], { columns: [{ name: "b", type: "INTEGER" }] })];
    expect(await errorOf(openShown(parquet))).toMatchObject({ code: "DATABASE_CORRUPT", subject: file });
  });
});

describe("parquetFooters", () => {
  test("tells rows, the engine's types and how many are NULL, over all row groups", async () => {
    const file = join(temporaryFolder(), "[t]*.parquet");
    const sql = `SELECT 1.5::DECIMAL(9,3) AS d, TIMESTAMPTZ '2026-01-01 00:00:00Z' AS tz, {'a': 1, 'b': [1]} AS s, 'x'::ENUM('x') AS e,
      MAP {'k': 1} AS m, if(range % 4 = 0, NULL, range) AS n, [NULL] AS l, NULL::VARCHAR AS "a, b" FROM range(5000)`;
    await writeParquet(file, sql, "ROW_GROUP_SIZE 2048");
    const [footer] = await engine.parquetFooters([file]);
    expect(footer).toEqual({
      path: file,
      rows: 5000,
      columns: [
        { name: "d", type: "DECIMAL(9,3)", nulls: 0 },
        { name: "tz", type: "TIMESTAMP WITH TIME ZONE", nulls: 0 },
        { name: "s", type: "STRUCT(a INTEGER, b INTEGER[])", nulls: undefined },
        { name: "e", type: "VARCHAR", nulls: 0 },
        { name: "m", type: "MAP(VARCHAR, INTEGER)", nulls: undefined },
        { name: "n", type: "BIGINT", nulls: 1250 },
        { name: "l", type: "INTEGER[]", nulls: undefined },
        { name: "a, b", type: "VARCHAR", nulls: 5000 },
      ],
    });
  });

  test("keeps the order of the paths, whatever the schemas, and repeats one that comes twice", async () => {
    const folder = temporaryFolder();
    const paths = ["b", "a", "empty"].map((name) => join(folder, `${name}.parquet`));
    await writeParquet(paths[0] ?? "", "SELECT 1 AS x FROM range(2)");
    await writeParquet(paths[1] ?? "", "SELECT 'y' AS y");
    await writeParquet(paths[2] ?? "", "SELECT 'y' AS y, INTERVAL 1 DAY AS i WHERE false");
    const footers = await engine.parquetFooters([...paths, paths[0] ?? ""]);
    expect(footers.map(({ path, rows, columns }) => [path, rows, columns.map(({ name, nulls }) => [name, nulls])])).toEqual([
      [paths[0], 2, [["x", 0]]],
      [paths[1], 1, [["y", 0]]],
      [
        paths[2],
        0,
        [
          ["y", 0],
          ["i", 0],
        ],
      ],
      [paths[0], 2, [["x", 0]]],
    ]);
    expect(await engine.parquetFooters([])).toEqual([]);
  });

  test("does not know the NULLs of a column that the file has no statistics of", async () => {
    const file = join(temporaryFolder(), "t.parquet");
    await writeParquet(file, "SELECT INTERVAL 1 DAY AS i");
    expect((await engine.parquetFooters([file]))[0]?.columns).toEqual([{ name: "i", type: "INTERVAL", nulls: undefined }]);
  });

  test.each<[string, string, (bytes: Buffer) => Buffer]>([
    ["cut short", "BUILD_UNFINISHED", (bytes) => bytes.subarray(0, bytes.length - 20)],
    ["empty", "BUILD_UNFINISHED", () => Buffer.alloc(0)],
    ["with a head only", "BUILD_UNFINISHED", () => Buffer.from("PAR1")],
    ["of another kind", "DATABASE_CORRUPT", () => Buffer.from("a,b\n1,2\n3,4\n5,6\n")],
    [
      "with a footer longer than the file",
      "DATABASE_CORRUPT",
      (bytes) => (bytes.writeUInt32LE(2 ** 31, bytes.length - 8), bytes),
    ],
    ["with a damaged footer", "DATABASE_CORRUPT", (bytes) => bytes.fill(0xff, bytes.length - 60, bytes.length - 20)],
  ])("a file %s throws %s with its name", async (_what, code, damage) => {
    const folder = temporaryFolder();
    const [good, bad] = [join(folder, "good.parquet"), join(folder, "bad.parquet")];
    await writeParquet(good, "SELECT 1 AS a, 2 AS b");
    writeFileSync(bad, damage(readFileSync(good)));
    expect(await errorOf(engine.parquetFooters([good, good, bad, good]))).toMatchObject({ code, subject: bad });
  });

  test("a missing file is missing, an aborted signal interrupts", async () => {
    const path = join(temporaryFolder(), "t.parquet");
    expect(await errorOf(engine.parquetFooters([path]))).toMatchObject({ code: "FILE_MISSING", subject: path });
    await writeParquet(path, "SELECT 1 AS a");
    expect(await errorOf(engine.parquetFooters([path], AbortSignal.abort()))).toMatchObject({ code: "INTERRUPTED" });
  });
});

test("10,000 files are one table", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "t"));
  const files = Array.from({ length: 10_000 }, (_, index) => join(folder, "t", `${index}.parquet`));
  await writeParquet(files[0] ?? "", "SELECT 1 AS v, NULL::VARCHAR AS w");
  for (const file of files.slice(1)) copyFileSync(files[0] ?? "", file);
  const database = await openShown([source("t", files)]);
  expect(await valueOf(database, "SELECT sum(v) FROM t")).toBe("10000");
  const footers = await engine.parquetFooters(files);
  expect(footers.map(({ path }) => path)).toEqual(files);
  expect(footers.every(({ rows, columns }) => rows === 1 && columns[1]?.nulls === 1)).toBe(true);
  expect(statSync(files[9_999] ?? "").isFile()).toBe(true);
}, 120_000);
