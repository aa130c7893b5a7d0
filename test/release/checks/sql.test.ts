import { expect, test } from "vitest";
import { checkSchema } from "../../../src/model/check.ts";
import { databaseWith, look, resultOf, resultsOf } from "./support.ts";

const check = (query: string, more: object = {}) => ({ check: "sql", name: "no_negative", query, ...more });
const data = "CREATE TABLE t AS SELECT range - 2 AS n, 'a' AS note FROM range(5)";

test("passes where the statement returns no row", async () => {
  const result = await resultOf(await databaseWith(data), check("SELECT * FROM t WHERE n > 5; -- none\n"));
  expect(result).toMatchObject({ name: "no_negative", check: "sql", status: "pass", expected: "no row" });
  expect(result.sql).toBeUndefined();
});

test("each row is a failure; the first is shown, and the statement is the way to see them", async () => {
  const path = await databaseWith(data);
  const result = await resultOf(path, check("SELECT n, note FROM t WHERE n < 0 ORDER BY n"));
  expect(result).toMatchObject({ status: "fail", observed: "2 rows", message: '2 rows; the first is n: "-2", note: "a"' });
  expect(await look(path, result)).toHaveLength(2);
});

test("rows are fetched up to a bound, values shown up to another", async () => {
  const path = await databaseWith("CREATE TABLE t AS SELECT repeat('x', 10000) AS n FROM range(101)");
  expect(await resultOf(path, check("FROM t"))).toMatchObject({ status: "fail", observed: "more than 100 rows" });
  const shown = await resultOf(path, check("FROM t LIMIT 100"));
  expect(shown.observed).toBe("100 rows");
  expect(shown.message.length).toBeLessThan(300);
});

test.each([
  ["several statements", "SELECT 1 WHERE false; SELECT 2", "QUERY_REFUSED"],
  ["a statement that writes", "CREATE TABLE x AS SELECT 1", "QUERY_REFUSED"],
  ["a DELETE", "DELETE FROM t", "QUERY_REFUSED"],
  ["COPY", "COPY t TO '/tmp/never.csv'", "QUERY_REFUSED"],
  ["nothing but a comment", "-- nothing", "QUERY_REFUSED"],
  ["a table that is missing", "SELECT * FROM missing", "QUERY_FAILED"],
  ["text that is no SQL", "SELEKT 1", "QUERY_FAILED"],
  ["a value that does not convert", "SELECT * FROM t WHERE note::INTEGER > 1", "QUERY_FAILED"],
  ["a parameter", "SELECT * FROM t WHERE n = $1", "BIND_FAILED"],
])("%s is a failed check, and no exception", async (_, query, code) => {
  const result = await resultOf(await databaseWith(data), check(query));
  expect(result).toMatchObject({ status: "fail", severity: "error", observed: code });
});

test("a statement without an end is stopped at its limit of time", async () => {
  const endless = "SELECT count(*) AS n FROM range(1000000000000) WHERE range % 7 = 8 HAVING n > 0";
  const result = await resultOf(await databaseWith(data), check(endless, { timeout: "50ms" }));
  expect(result).toMatchObject({ status: "fail", observed: "LIMIT_TIME" });
});

test("a fault of one check does not touch the next", async () => {
  const results = await resultsOf(await databaseWith(data), [
    check("SELEKT"),
    check("SELECT 1 WHERE false"),
    { check: "not_null", table: "t", columns: ["n"] },
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fail", "pass", "pass"]);
});

test("without a name it is called after its file", async () => {
  const path = await databaseWith(data);
  expect(await resultOf(path, { check: "sql", query: "SELECT 1 WHERE false" })).toMatchObject({ name: "sql_query" });
});

test("either file or query, one of them", () => {
  for (const keys of [
    {},
    { file: "a.sql", query: "SELECT 1" },
    { query: " \n" },
    { file: "" },
    { query: "SELECT 1", timeout: "5" },
  ]) {
    expect(checkSchema.safeParse({ check: "sql", ...keys }).success).toBe(false);
  }
});
