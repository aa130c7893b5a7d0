import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Database } from "../../../src/engine/duckdb/database.ts";
import type { ExportOptions, QueryParameters } from "../../../src/model/query.ts";
import { quoteLiteral } from "../../../src/engine/duckdb/sql-text.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { errorOf, openFile, openSample, sampleFile } from "./support.ts";

/** Exports to a folder of the test's own; what lies there afterwards, and what it holds. */
function exporting(database: Database, folder = temporaryFolder()) {
  return {
    folder,
    write: (sql: string, parameters?: QueryParameters, options: Partial<ExportOptions> = {}) =>
      database.exportParquet(sql, parameters, { folder, ...options }),
    left: () => readdirSync(folder),
  };
}

test("a result in a file: rows, names, types and order, with parameters bound", async () => {
  const database = await openFile(await sampleFile(5000));
  const { folder, write, left } = exporting(database, join(temporaryFolder(), `it's "ü"`));
  await expect(write("FROM t")).rejects.toMatchObject({ message: expect.stringContaining("No such file or directory") });
  mkdirSync(folder);
  const file = await write(
    'SELECT n, n AS n, $1 AS "it\'s", 1.5::DECIMAL(9, 2) AS d FROM t WHERE n > $2 ORDER BY n DESC -- end',
    ["'); DROP", 10],
  );
  expect(file).toMatchObject({ rows: 4990, bytes: expect.any(Number) });
  expect(left().map((name) => join(folder, name))).toEqual([file.path]);
  const { rows, columns } = await database.query(`FROM read_parquet(${quoteLiteral(file.path)})`, undefined, {});
  expect([rows[0], rows.length]).toEqual([["5000", "5000", "'); DROP", "1.50"], 4990]);
  expect(columns.map(({ name, type }) => `${name} ${type}`).at(-1)).toBe("d DECIMAL(9,2)");
});

test("a second column of a name is numbered, and no row is a file, too", async () => {
  const database = await openSample();
  const { write } = exporting(database);
  const file = await write('SELECT 1 AS a, 2 AS a, 3 AS "__proto__" FROM t WHERE n < 0');
  const { columns, rows } = await database.query(`FROM read_parquet(${quoteLiteral(file.path)})`, undefined, {});
  expect([file.rows, rows, columns.map(({ name }) => name)]).toEqual([0, [], ["a", "a:1", "__proto__"]]);
});

test("what DuckDB would round in Parquet is kept as text, nested too", async () => {
  const database = await openSample();
  const { write } = exporting(database);
  const file = await write(`SELECT sum(n) * 1000000000000000000 AS huge, [5::UHUGEINT] AS list, {'HUGEINT': 1::HUGEINT} AS struct,
    INTERVAL '-1 day 0.000001 seconds' AS i, '12:30:00+05:30'::TIMETZ AS z, 'INTERVAL'::ENUM('INTERVAL') AS e FROM t`);
  const { columns, rows } = await database.query(`FROM read_parquet(${quoteLiteral(file.path)})`, undefined, {});
  expect(columns.map(({ type }) => type)).toEqual([
    "VARCHAR",
    "VARCHAR[]",
    'STRUCT("HUGEINT" VARCHAR)',
    "VARCHAR",
    "VARCHAR",
    "VARCHAR",
  ]);
  expect(rows[0]?.slice(0, 3)).toEqual(["500500000000000000000000", ["5"], { HUGEINT: "1" }]);
  expect(rows[0]?.slice(4)).toEqual(["12:30:00+05:30", "INTERVAL"]);
  const interval = await database.query(`SELECT $1::INTERVAL = INTERVAL '-1 day 0.000001 seconds'`, [rows[0]?.[3]], {});
  expect(interval.rows).toEqual([[true]]);
  const bound = await write("SELECT $1 AS a, $2 AS b", [2n ** 100n, "x"]);
  expect((await database.query(`FROM read_parquet(${quoteLiteral(bound.path)})`, undefined, {})).rows).toEqual([
    [String(2n ** 100n), "x"],
  ]);
});

test.each([
  ["COPY t TO 'x.parquet'", "QUERY_REFUSED"],
  ["SELECT 1) TO 'escaped.parquet' (FORMAT parquet); --", "QUERY_FAILED"],
  ["SELECT 1; SELECT 2", "QUERY_REFUSED"],
  ["EXPLAIN SELECT 1", "QUERY_REFUSED"],
  ["PRAGMA version", "QUERY_REFUSED"],
  ["DROP TABLE t", "QUERY_REFUSED"],
  ["FROM tt", "QUERY_FAILED"],
  ["SELECT $1", "BIND_FAILED"],
  ["SELECT CASE WHEN range = 900000 THEN 'x' ELSE '1' END::INTEGER FROM range(1000000)", "QUERY_FAILED"],
])("%s is %s and leaves no file", async (sql, code) => {
  const { write, left } = exporting(await openSample());
  expect((await errorOf(write(sql))).code).toBe(code);
  expect(left()).toEqual([]);
});

test("limits and aborts leave no file", async () => {
  const database = await openFile(await sampleFile(100), { concurrency: 1 });
  const { write, left } = exporting(database);
  expect((await errorOf(write("FROM t", undefined, { rowsMax: 99 }))).code).toBe("LIMIT_ROWS");
  const endless = "FROM range(1000000000000)";
  expect((await errorOf(write(endless, undefined, { timeMaxMs: 100 }))).code).toBe("LIMIT_TIME");
  const controller = new AbortController();
  const writing = errorOf(write(endless, undefined, { signal: controller.signal }));
  controller.abort();
  expect((await writing).code).toBe("INTERRUPTED");
  expect(left()).toEqual([]);
  expect((await write("FROM t", undefined, { rowsMax: 100 })).rows).toBe(100);
});
