import { setTimeout as wait } from "node:timers/promises";
import type { DuckDBConnection, DuckDBResult } from "@duckdb/node-api";
import { expect, test } from "vitest";
import { loadDriver } from "../../../src/engine/duckdb/driver.ts";
import { MarkedStream } from "../../../src/engine/duckdb/marked-stream.ts";
import { Stopper } from "../../../src/engine/duckdb/stopper.ts";
import type { Database } from "../../../src/engine/duckdb/database.ts";
import type { EngineStream, QueryOptions, QueryParameters, RowStream } from "../../../src/model/query.ts";
import { errorOf, openFile, openSample, platform, sampleFile, valueOf } from "./support.ts";

/** Some 150 batches come at once, as many as the engine makes ahead; the next never. */
const stuckAfterOne = "SELECT range AS n FROM range(1000000000000) WHERE range % 1000000000000 < 400000";
const endless = "SELECT range AS n FROM range(1000000000000)";

async function rowsOf(stream: RowStream): Promise<unknown[][]> {
  const rows: unknown[][] = [];
  for await (const batch of stream) {
    expect(batch.length).toBeGreaterThan(0);
    expect(batch.length).toBeLessThanOrEqual(2048);
    for (const row of batch) rows.push([...row]);
  }
  return rows;
}

/** What a whole stream holds, without keeping its rows. */
async function countOf(stream: RowStream): Promise<number> {
  let count = 0;
  for await (const batch of stream) count += batch.length;
  return count;
}

async function streamed(database: Database, sql: string, options: QueryOptions & { parameters?: QueryParameters } = {}) {
  const stream = await database.stream(sql, options.parameters, options);
  return { columns: stream.columns, rows: await rowsOf(stream) };
}

test.each([
  "SELECT n FROM t ORDER BY hash(n)",
  "SELECT n, n AS n, 'x' AS \"N\", 1 AS n_1 FROM t ORDER BY n DESC LIMIT 700 OFFSET 3",
  "FROM t WHERE n < 0",
  "VALUES (1, 'a'), (2, NULL)",
  "WITH x AS (SELECT 1 AS a UNION ALL SELECT NULL) FROM x",
  "; SELECT 1 ;; -- end",
  "SHOW TABLES",
  "DESCRIBE t",
  "SUMMARIZE t",
  "PRAGMA table_info('t')",
  "EXPLAIN SELECT 1",
  "PIVOT (SELECT 1 AS a, 2 AS b) ON a IN (1) USING sum(b)",
  'SELECT true AS "lockkeeper end of rows", 2 AS b',
  "SELECT NULL, NULL::BOOLEAN, {'a': NULL}, [NULL], 'x'::ENUM('x', 'y'), MAP {1: NULL}, 1.50::DECIMAL(9, 2)",
  "SELECT 'a' AS x UNION ALL SELECT 'b' ORDER BY x DESC",
])("a stream gives what a query gives: %s", async (sql) => {
  const database = await openSample();
  for (const values of ["json", "js"] as const) {
    const { columns, rows } = await database.query(sql, undefined, { values });
    expect(await streamed(database, sql, { values })).toEqual({ columns, rows });
  }
  expect(database.inFlight).toBe(0);
});

test("parameters are bound; where column names depend on their types, they stay the statement's own", async () => {
  const database = await openSample();
  expect((await streamed(database, "SELECT n FROM t WHERE n > $1 ORDER BY n", { parameters: [998] })).rows).toEqual([
    ["999"],
    ["1000"],
  ]);
  expect((await streamed(database, "SELECT n FROM t WHERE n = $low", { parameters: { low: 7 } })).rows).toEqual([["7"]]);
  const unresolved = await streamed(database, "SELECT $1 AS a, $2 AS a, $3 AS a_1", { parameters: ["x", 1, null] });
  expect(unresolved.columns.map(({ name }) => name)).toEqual(["a", "a", "a_1"]);
  expect(unresolved.rows).toEqual([["x", 1, null]]);
  expect((await errorOf(database.stream("SELECT $1", [], {}))).code).toBe("BIND_FAILED");
  expect((await errorOf(database.stream("DROP TABLE t", undefined, {}))).code).toBe("QUERY_REFUSED");
  expect((await errorOf(database.stream("FROM tt", undefined, {}))).code).toBe("QUERY_FAILED");
});

test("FACTS 1.7: the end marker comes last, whatever the plan and with several threads", { timeout: 120_000 }, async () => {
  const path = await sampleFile(
    10,
    "CREATE TABLE big AS SELECT range AS n, range % 70000 AS k, hash(range) AS h FROM range(600000)",
    "CREATE VIEW v AS SELECT k, count(*) AS c FROM big GROUP BY k",
  );
  const statements = [
    "FROM big",
    "SELECT k, count(*) FROM big GROUP BY k",
    "SELECT n FROM big ORDER BY h",
    "SELECT n FROM big WHERE n % 3 = 0",
    "SELECT a.n, b.h FROM big a JOIN big b ON a.n = b.k",
    "SELECT a.n, b.n FROM big a FULL JOIN (FROM big WHERE n > 500000) b ON a.n = b.n",
    "SELECT DISTINCT k FROM big",
    "SELECT n, row_number() OVER (PARTITION BY k) FROM big",
    "SELECT k FROM big EXCEPT SELECT n FROM big WHERE n < 100",
    "WITH x AS MATERIALIZED (FROM v) FROM x UNION ALL FROM x",
    "SELECT unnest([n, k]) FROM big",
    "SELECT n FROM big LIMIT 400000",
    "FROM v",
    "SELECT n FROM big WHERE n IN (SELECT k FROM big)",
  ];
  for (const settings of [{ threads: "1" }, { threads: "8" }, { threads: "8", preserve_insertion_order: "false" }]) {
    const database = await openFile(path, { settings });
    for (const sql of statements) {
      const expected = Number(await valueOf(database, `SELECT count(*) FROM (${sql})`));
      const stream = await database.stream(sql, undefined, {});
      expect([sql, await countOf(stream)]).toEqual([sql, expected]);
    }
    await database.close();
  }
});

test(
  "order is kept over five million rows, and memory stays flat under a consumer that pauses",
  { timeout: 120_000 },
  async () => {
    const database = await openSample({ threads: "4" });
    const stream = await database.stream("SELECT range AS n, 's' || range AS s FROM range(5000000)", undefined, {});
    let next = 0;
    let before = 0;
    let most = 0;
    for await (const batch of stream) {
      for (const [n] of batch) if (Number(n) !== next++) throw new Error(`${String(n)} in place of ${next - 1}`);
      if (next % (2048 * 100) < batch.length) await wait(1);
      const { rss } = process.memoryUsage();
      if (next < 500_000) before = Math.max(before, rss);
      most = Math.max(most, rss);
    }
    expect(next).toBe(5_000_000);
    // The whole result is more than 300 MB as rows.
    expect(most - before).toBeLessThan(150_000_000);
  },
);

test("FACTS 1.7: an error in mid-stream is thrown with the engine's words, and thrown again", async () => {
  const database = await openSample();
  const late = "SELECT CASE WHEN range = $1 THEN 'x' ELSE '1' END::INTEGER FROM range(1000000)";
  const stream = await database.stream(late, [999_999], {});
  const failure = await errorOf(rowsOf(stream));
  expect(failure).toMatchObject({ code: "QUERY_FAILED", message: expect.stringMatching(/^Conversion Error: .*'x'/) });
  expect(await errorOf(rowsOf(stream))).toBe(failure);
  expect((await streamed(database, late, { parameters: [-1] })).rows).toHaveLength(1_000_000);
  expect(await errorOf(streamed(database, late, { parameters: [0] }))).toMatchObject({
    code: "QUERY_FAILED",
    message: failure.message,
  });
});

test("more rows than the limit throw LIMIT_ROWS in the stream, as many do not", async () => {
  const database = await openFile(await sampleFile(5000));
  expect((await streamed(database, "FROM t", { rowsMax: 5000 })).rows).toHaveLength(5000);
  const stream = await database.stream("FROM t", undefined, { rowsMax: 4999 });
  expect(await errorOf(rowsOf(stream))).toMatchObject({ code: "LIMIT_ROWS", message: "the result has more than 4999 rows" });
  expect((await errorOf(streamed(database, "PRAGMA table_info('t')", { rowsMax: 0 }))).code).toBe("LIMIT_ROWS");
  expect((await streamed(database, "FROM t WHERE n < 0", { rowsMax: 0 })).rows).toEqual([]);
  expect((await errorOf(database.stream("FROM t", undefined, { rowsMax: -1 }))).code).toBe("USAGE");
});

test("leaving the loop gives the session back, and a second stream goes on with it", async () => {
  const database = await openFile(await sampleFile(), { concurrency: 1 });
  const stream = await database.stream(endless, undefined, {});
  expect(database.inFlight).toBe(1);
  for await (const batch of stream) {
    expect(batch[0]).toEqual(["0"]);
    break;
  }
  expect(await rowsOf(stream)).toEqual([]);
  await stream.ended;
  expect(await valueOf(database, "SELECT 1")).toBe(1);
  expect((await streamed(database, "FROM t")).rows).toHaveLength(1000);
  expect(database.inFlight).toBe(0);
});

test.each(["between two batches", "while a batch is made"])("abort and close() end a stream %s", async (moment) => {
  const database = await openFile(await sampleFile(), { concurrency: 1 });
  for (const how of ["abort", "close", "interrupt"] as const) {
    const controller = new AbortController();
    const stream = await database.stream(moment.startsWith("while") ? stuckAfterOne : endless, undefined, {
      signal: controller.signal,
    });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    const reading = moment.startsWith("while") ? errorOf(rowsOf(stream)) : undefined;
    // The reading is among its batches by now, or waits for the one that never comes.
    await wait(10);
    if (how === "abort") controller.abort();
    else if (how === "close") void stream.close();
    else database.interrupt();
    const error = await (reading ?? errorOf(iterator.next()));
    expect(error).toMatchObject({ code: "INTERRUPTED" });
    expect(await errorOf(iterator.next())).toBe(error);
    await stream.ended;
    await stream.close();
    expect(await valueOf(database, "SELECT 1")).toBe(1);
  }
});

test("a stream whose consumer stalls is LIMIT_TIME and gives its session back", async () => {
  const database = await openFile(await sampleFile(), { concurrency: 1 });
  const stream = await database.stream(endless, undefined, { timeMaxMs: 2000 });
  expect(await valueOf(database, "SELECT 1")).toBe(1);
  await stream.ended;
  expect(await errorOf(rowsOf(stream))).toMatchObject({ code: "LIMIT_TIME", exit: 15 });
});

test("FACTS 1.6: close() ends open streams, read or not, without a thread that hangs", async () => {
  const database = await openFile(await sampleFile(), { concurrency: 3 });
  const idle = await database.stream(endless, undefined, {});
  const busy = errorOf(database.stream("SELECT count(*) FROM range(1000000000000)", undefined, {}));
  const stuck = await database.stream(stuckAfterOne, undefined, {});
  const reading = errorOf(rowsOf(stuck));
  await wait(10);
  await database.close();
  expect([(await busy).code, (await reading).code]).toEqual(["INTERRUPTED", "INTERRUPTED"]);
  expect((await errorOf(rowsOf(idle))).code).toBe("INTERRUPTED");
  expect((await errorOf(database.stream("FROM t", undefined, {}))).code).toBe("READER_CLOSED");
});

test("nothing is fetched before it is asked for, and calls that overlap are answered in order", async () => {
  const database = await openSample();
  const stream = await database.stream("SELECT range AS n FROM range(6000)", undefined, {});
  const iterator = stream[Symbol.asyncIterator]();
  const results = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
  expect(results.map(({ value }) => value?.[0]?.[0])).toEqual(["0", "2048", "4096", undefined]);
  expect(results.at(-1)?.done).toBe(true);
});

/** A stream over chunks that a test makes up: each a list of marks, one a row. */
async function madeUp(...chunks: (true | null)[][]): Promise<EngineStream> {
  const driver = await loadDriver();
  const left = chunks.map((marks) => ({
    rowCount: marks.length,
    getColumnVector: (column: number) => ({
      type: column === 0 ? driver.INTEGER : driver.BOOLEAN,
      getItem: (row: number) => (column === 0 ? row : marks[row]),
    }),
  }));
  const result = {
    columnCount: 2,
    columnName: () => "n",
    columnType: () => driver.INTEGER,
    fetchChunk: () => Promise.resolve(left.shift() ?? null),
  } as unknown as DuckDBResult;
  return new MarkedStream({
    result,
    names: undefined,
    whyItFailed: () => Promise.resolve(undefined),
    converters: [(value) => value],
    stopper: new Stopper({ interrupt: () => undefined } as unknown as DuckDBConnection, platform.clock),
    rowsMax: undefined,
    leave: () => Promise.resolve(),
  });
}

test("FACTS 1.7: a stream is whole only when its last row is the marker", async () => {
  expect(await rowsOf(await madeUp([null, null], [null, true]))).toEqual([[0], [1], [0]]);
  expect(await rowsOf(await madeUp([null], [true]))).toEqual([[0]]);
  expect(await rowsOf(await madeUp([true]))).toEqual([]);
  const brokeOff = { code: "QUERY_FAILED", message: "the result broke off after 2 rows" };
  expect(await errorOf(rowsOf(await madeUp([null, null])))).toMatchObject(brokeOff);
  expect(await errorOf(rowsOf(await madeUp()))).toMatchObject({ code: "QUERY_FAILED" });
  expect(await errorOf(rowsOf(await madeUp([true, null])))).toMatchObject(brokeOff);
  expect(await errorOf(rowsOf(await madeUp([null, true], [null])))).toMatchObject({ code: "BUG" });
});
