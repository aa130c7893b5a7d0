import { copyFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { uniqueNames } from "../../../src/model/column-names.ts";
import { errorOf, openFile, openSample, sampleFile, valueOf } from "./support.ts";

test.each([
  "SELECT 1",
  "FROM t",
  "TABLE t",
  "VALUES (1)",
  "WITH x AS (SELECT 1) SELECT * FROM x",
  "(SELECT 1)",
  "; SELECT 1 ;; -- end",
  "SELECT ';' AS a; /* ; */",
  "SELECT $tag$;--$tag$ AS a",
  `SELECT ';' AS ";"`,
  "SHOW TABLES",
  "DESCRIBE t",
  "SUMMARIZE t",
  "PRAGMA table_info('t')",
  "PRAGMA version;",
  "EXPLAIN SELECT 1",
  "EXPLAIN ANALYZE SELECT 1",
  "EXPLAIN (FORMAT json) SELECT 1",
  "EXPLAIN /* why */ ANALYZE -- how\n FROM t",
  "PIVOT (SELECT 1 AS a, 2 AS b) ON a IN (1) USING sum(b)",
  "SELECT 'enable_logging()' AS text -- enable_logging()",
])("reads: %s", async (sql) => {
  const database = await openSample();
  const plain = await database.query(sql, undefined, {});
  const limited = await database.query(sql, undefined, { rowsMax: 100_000 });
  expect(plain.rows.length).toBeGreaterThan(0);
  expect(limited.columns).toEqual(plain.columns);
  if (!sql.includes("ANALYZE")) expect(limited.rows).toEqual(plain.rows);
});

test.each([
  ["", "there is no statement"],
  ["-- nothing", "there is no statement"],
  [";", "there is no statement"],
  ["SELECT 1; SELECT 2", "holds 2 statements"],
  ["SELECT 1; DROP TABLE t", "holds 2 statements"],
  ["CREATE TABLE x (a INTEGER)", "a CREATE statement"],
  ["CREATE TEMP TABLE x (a INTEGER)", "a CREATE statement"],
  ["INSERT INTO t VALUES (1)", "an INSERT statement"],
  ["UPDATE t SET n = 1", "an UPDATE statement"],
  ["DELETE FROM t", "a DELETE statement"],
  ["SET threads = 1", "a SET statement"],
  ["RESET threads", "a SET statement"],
  ["PRAGMA threads = 1", "a SET statement"],
  ["PRAGMA enable_profiling", "a PRAGMA statement"],
  ["USE memory", "a SET statement"],
  ["SET VARIABLE a = 1", "a SET statement"],
  ["ATTACH 'x.db' AS y", "an ATTACH statement"],
  ["DETACH DB", "a DETACH statement"],
  ["COPY t TO 'x.csv'", "a COPY statement"],
  ["EXPORT DATABASE 'x'", "an EXPORT statement"],
  ["LOAD json", "a LOAD statement"],
  ["INSTALL httpfs", "a LOAD statement"],
  ["CALL pragma_version()", "a CALL statement"],
  ["BEGIN", "a TRANSACTION statement"],
  ["CHECKPOINT", "a CALL statement"],
  ["PREPARE p AS SELECT 1", "a PREPARE statement"],
  ["PIVOT t ON n USING sum(n)", "stands for several"],
  ["EXPLAIN ANALYZE CREATE TEMP TABLE x AS SELECT 1", "EXPLAIN of a CREATE"],
  ["EXPLAIN ANALYZE COPY t TO 'explained.csv'", "EXPLAIN of a COPY"],
  ["EXPLAIN EXPLAIN SELECT 1", ""],
  ["SELECT * FROM enable_logging()", "enable_logging changes"],
  [`FROM "enable_logging"()`, "enable_logging changes"],
  ["SELECT * FROM checkpoint ()", "checkpoint changes"],
])("FACTS 1.8: refuses: %s", async (sql, message) => {
  const database = await openSample();
  const error = await errorOf(database.query(sql, undefined, {}));
  if (message) expect(error).toMatchObject({ code: "QUERY_REFUSED", exit: 2, message: expect.stringContaining(message) });
  expect(error.hint ?? "no hint").not.toBe("");
  expect(existsSync("explained.csv")).toBe(false);
});

test("what is refused has changed nothing: the settings and the search path of every connection stay", async () => {
  const database = await openSample();
  const before = await valueOf(database, "SELECT current_setting('threads') || current_database() || current_schema()");
  await errorOf(database.query("SET threads = 1; SELECT 1", undefined, {}));
  await errorOf(database.query("USE memory", undefined, {}));
  const after = await Promise.all(
    Array.from({ length: 8 }, () =>
      valueOf(database, "SELECT current_setting('threads') || current_database() || current_schema()"),
    ),
  );
  expect(new Set(after)).toEqual(new Set([before]));
});

test("SQL that does not parse, bind or run is QUERY_FAILED with the engine's first line", async () => {
  const database = await openSample();
  expect(await errorOf(database.query("SELEC 1", undefined, {}))).toMatchObject({
    code: "QUERY_FAILED",
    message: expect.stringMatching(/^Parser Error: .*SELEC/),
  });
  const missing = await errorOf(database.query("FROM tt", undefined, {}));
  expect(missing).toMatchObject({ code: "QUERY_FAILED", message: expect.stringMatching(/^Catalog Error: Table with name tt/) });
  expect(missing.message).not.toContain("\n");
  expect(missing.hint).toContain("Did you mean");
  expect(await errorOf(database.query("SELECT 'x'::INTEGER", undefined, {}))).toMatchObject({ code: "QUERY_FAILED" });
  expect(await valueOf(database, "SELECT 1")).toBe(1);
});

test("FACTS 1.7: a result is whole or an error: rows up to the limit come, one more is LIMIT_ROWS, nothing is cut off", async () => {
  const path = await sampleFile(5000);
  const database = await openFile(path);
  expect((await database.query("FROM t", undefined, { rowsMax: 5000 })).rows).toHaveLength(5000);
  expect(await errorOf(database.query("FROM t", undefined, { rowsMax: 4999 }))).toMatchObject({ code: "LIMIT_ROWS", exit: 15 });
  expect((await database.query("FROM t WHERE n < 0", undefined, { rowsMax: 0 })).rows).toHaveLength(0);
  expect((await errorOf(database.query("FROM t", undefined, { rowsMax: 0 }))).code).toBe("LIMIT_ROWS");
  expect((await errorOf(database.query("PRAGMA table_info('t')", undefined, { rowsMax: 0 }))).code).toBe("LIMIT_ROWS");
  expect((await errorOf(database.query("FROM t", undefined, { rowsMax: -1 }))).code).toBe("USAGE");
  // The millionth row does not cast: a stream would end early in silence.
  const late = "SELECT CASE WHEN range = 999999 THEN 'x' ELSE '1' END::INTEGER FROM range(1000000)";
  expect((await errorOf(database.query(late, undefined, {}))).code).toBe("QUERY_FAILED");
  expect((await errorOf(database.query(late, undefined, { rowsMax: 2_000_000 }))).code).toBe("QUERY_FAILED");
});

test("values larger than the limit of bytes throw LIMIT_BYTES; as many do not", async () => {
  const database = await openSample();
  const bytes = async (sql: string, bytesMax: number) => {
    const outcome = database.query(sql, undefined, { bytesMax });
    return outcome.then(
      ({ rows }) => rows.length,
      (error: unknown) => (error as { code: string }).code,
    );
  };
  for (const [sql, size] of [
    ["SELECT n::INTEGER FROM t", 8_000],
    ["SELECT NULL, true, 1.5::DOUBLE", 24],
    ["SELECT repeat('x', 1000), ''", 1_016],
    ["SELECT ['ab', NULL]", 26],
    ["SELECT {'name': 'ab'}", 22],
    ["SELECT n FROM t WHERE n < 0", 0],
  ] as const) {
    expect([sql, typeof (await bytes(sql, size)), size === 0 ? "LIMIT_BYTES" : await bytes(sql, size - 1)]).toEqual([
      sql,
      "number",
      "LIMIT_BYTES",
    ]);
  }
  expect((await errorOf(database.query("SELECT 1", undefined, { bytesMax: 1.5 }))).code).toBe("USAGE");
  expect(await bytes("SELECT 'abc'", Infinity)).toBe(1);
  expect(await errorOf(database.query("FROM t", undefined, { bytesMax: 100 }))).toMatchObject({
    exit: 15,
    hint: expect.stringContaining("stream"),
  });
  const blob = await errorOf(database.query("SELECT repeat('x', 100)::BLOB", undefined, { bytesMax: 107, values: "js" }));
  expect(blob.code).toBe("LIMIT_BYTES");
  let streamed = 0;
  for await (const batch of await database.stream("FROM t", undefined, { bytesMax: 100 })) streamed += batch.length;
  expect(streamed).toBe(1000);
});

test("a limit of rows keeps order, column names and types", async () => {
  const database = await openSample();
  const sql = "SELECT n, n AS n, 'x' AS \"N\" FROM t ORDER BY t.n DESC";
  const limited = await database.query(sql, undefined, { rowsMax: 1000 });
  expect(limited.columns.map(({ name }) => name)).toEqual(["n", "n", "N"]);
  expect(limited.rows.map(([n]) => Number(n))).toEqual(Array.from({ length: 1000 }, (_, index) => 1000 - index));
  const unresolved = await database.query("SELECT $1 AS a, $2 AS a, $3 AS a_1", ["x", 1, null], { rowsMax: 1 });
  expect(unresolved.columns.map(({ name }) => name)).toEqual(["a", "a", "a_1"]);
  expect(unresolved.rows).toEqual([["x", 1, null]]);
});

test("a query that runs too long is LIMIT_TIME, one whose signal aborts INTERRUPTED; the next one works", async () => {
  const database = await openSample();
  const endless = "SELECT count(*) FROM range(1000000000000)";
  expect(await errorOf(database.query(endless, undefined, { timeMaxMs: 30 }))).toMatchObject({ code: "LIMIT_TIME", exit: 15 });
  const controller = new AbortController();
  const running = errorOf(database.query(endless, undefined, { signal: controller.signal }));
  controller.abort();
  expect((await running).code).toBe("INTERRUPTED");
  expect((await errorOf(database.query("SELECT 1", undefined, { signal: controller.signal }))).code).toBe("INTERRUPTED");
  expect((await errorOf(database.query("SELECT 1", undefined, { timeMaxMs: 0 }))).code).toBe("USAGE");
  expect(await valueOf(database, "SELECT 1")).toBe(1);
});

test("queries beyond the concurrency wait in order, and can be aborted while they wait", async () => {
  const database = await openFile(await sampleFile(), { concurrency: 1 });
  const blocker = new AbortController();
  const endless = errorOf(database.query("SELECT count(*) FROM range(1000000000000)", undefined, { signal: blocker.signal }));
  const order: number[] = [];
  const impatient = new AbortController();
  const waiting = [1, 2, 3].map((number) => valueOf(database, "SELECT $1", [number]).then(() => order.push(number)));
  const aborted = errorOf(database.query("SELECT 1", undefined, { signal: impatient.signal }));
  expect(database.inFlight).toBe(5);
  impatient.abort();
  expect((await aborted).code).toBe("INTERRUPTED");
  expect(order).toEqual([]);
  blocker.abort();
  expect((await endless).code).toBe("INTERRUPTED");
  await Promise.all(waiting);
  expect(order).toEqual([1, 2, 3]);
  expect(database.inFlight).toBe(0);
});

test("interrupt() ends what runs and waits; the database goes on", async () => {
  const database = await openFile(await sampleFile(), { concurrency: 2 });
  await Promise.all([valueOf(database, "SELECT 1"), valueOf(database, "SELECT 2")]);
  const queries = Array.from({ length: 5 }, () =>
    errorOf(database.query("SELECT count(*) FROM range(1000000000000)", undefined, {})),
  );
  database.interrupt();
  for (const error of await Promise.all(queries)) expect(error.code).toBe("INTERRUPTED");
  expect(await valueOf(database, "SELECT 3")).toBe(3);
});

test("after close() every call is READER_CLOSED, and closing twice is fine", async () => {
  const database = await openSample();
  await Promise.all([database.close(), database.close()]);
  expect(await errorOf(database.query("SELECT 1", undefined, {}))).toMatchObject({ code: "READER_CLOSED" });
});

test("FACTS 1.11: exact numbers and times are strings in `json`; bigint, Date and bytes in `js`", async () => {
  const database = await openSample();
  const sql = `SELECT 9007199254740993::BIGINT AS big, 170141183460469231731687303715884105727::HUGEINT AS huge, 1.10::DECIMAL(18,2) AS price,
    TIMESTAMP '2026-01-02 03:04:05.678' AS at, DATE '2026-01-02' AS day, '\\x00\\xFF'::BLOB AS bytes, [1, NULL] AS list, {'a': 1} AS struct, 'NaN'::DOUBLE AS nan, NULL AS nothing`;
  const json = await database.query(sql, undefined, {});
  expect(json.rows[0]).toEqual([
    "9007199254740993",
    "170141183460469231731687303715884105727",
    "1.10",
    "2026-01-02 03:04:05.678",
    "2026-01-02",
    "\\x00\\xFF",
    [1, null],
    { a: 1 },
    "NaN",
    null,
  ]);
  expect(JSON.parse(JSON.stringify(json.rows))).toEqual(json.rows);
  expect(json.columns[2]).toEqual({ name: "price", type: "DECIMAL(18,2)" });
  const js = await database.query(sql, undefined, { values: "js" });
  expect(js.rows[0]?.slice(0, 2)).toEqual([9007199254740993n, 170141183460469231731687303715884105727n]);
  expect(js.rows[0]?.[3]).toEqual(new Date("2026-01-02T03:04:05.678Z"));
  expect(Buffer.from(js.rows[0]?.[5] as Uint8Array)).toEqual(Buffer.from([0, 255]));
});

test("FACTS 1.11: duplicate names and a column named __proto__ survive in objects()", async () => {
  const database = await openSample();
  const { columns, objects } = await database.query(`SELECT 1 AS a, 2 AS a, 3 AS "__proto__", 4 AS "a:1"`, undefined, {});
  expect(columns.map(({ name }) => name)).toEqual(["a", "a", "__proto__", "a:1"]);
  const [row] = objects();
  expect(Object.entries(row ?? {})).toEqual([
    ["a", 1],
    ["a:2", 2],
    ["__proto__", 3],
    ["a:1", 4],
  ]);
  expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
  expect(uniqueNames(["a", "a", "a", "b"])).toEqual(["a", "a:1", "a:2", "b"]);
});

test("a statement asked again is prepared once, whatever is bound to it, and forgotten ones come back", async () => {
  const database = await openFile(await sampleFile(), { concurrency: 1 });
  for (const value of [1, "x", 1.5, null, 2n ** 100n, new Date(0), [1], 2]) {
    expect((await database.query("SELECT $1 IS NULL", [value], {})).rows).toEqual([[value === null]]);
  }
  for (let round = 0; round < 2; round += 1) {
    for (let number = 0; number < 80; number += 1) {
      const { rows } = await database.query(`SELECT ${number} + $1`, [1], { rowsMax: 2 });
      expect(rows).toEqual([[number + 1]]);
    }
  }
});

test("a file in a folder with quotes, spaces and letters of many scripts, under a name as odd", async () => {
  const path = await sampleFile(3);
  const odd = join(dirname(path), `it's "ü" 数据.v1.duckdb`);
  copyFileSync(path, odd);
  for (const name of [`a"b.c'd`, "ü é", "数据", "with space", "SELECT"]) {
    const database = await openFile(odd, { names: [name] });
    expect(await valueOf(database, "SELECT count(*) || current_database() FROM t")).toBe(`3${name}`);
    await database.close();
  }
});
