import { expect, test } from "vitest";
import { databaseWith, hostileNames, look, quoted, resultOf, resultsOf } from "./support.ts";

const check = { check: "not_null", table: "t", columns: ["a", "b"] };

test("passes where no column holds NULL; NaN, infinity and an empty text are values", async () => {
  const path = await databaseWith(
    "CREATE TABLE t AS SELECT '' AS a, 'NaN'::DOUBLE AS b UNION ALL SELECT 'x', 'Infinity'::DOUBLE",
  );
  expect(await resultOf(path, check)).toMatchObject({
    name: "not_null_t",
    status: "pass",
    table: "t",
    column: "a, b",
    observed: "none",
  });
});

test("names the columns that hold NULL, how often, and a statement that shows those rows", async () => {
  const path = await databaseWith(
    "CREATE TABLE t AS SELECT CASE WHEN range > 2 THEN range END AS a, NULL::INT AS b, 1 AS c FROM range(5)",
  );
  const result = await resultOf(path, { ...check, columns: ["a", "b", "c"] });
  expect(result).toMatchObject({
    status: "fail",
    severity: "error",
    column: "a, b",
    observed: "a: 3 NULL, b: 5 NULL",
    expected: "no NULL",
    message: "t: a is NULL in 3 rows, b is NULL in 5 rows",
  });
  expect(result.sql).toBe('SELECT * FROM "main"."t" WHERE "a" IS NULL OR "b" IS NULL LIMIT 20');
  expect(await look(path, result)).toHaveLength(5);
});

test("a NOT NULL of the table does not spare the look", async () => {
  const path = await databaseWith("CREATE TABLE t (a INTEGER NOT NULL, b INTEGER)", "INSERT INTO t VALUES (1, NULL)");
  expect(await resultOf(path, check)).toMatchObject({ status: "fail", observed: "b: 1 NULL" });
});

test("an empty table and a view pass or fail as their rows do", async () => {
  const path = await databaseWith(
    "CREATE TABLE t (a INTEGER, b INTEGER)",
    "CREATE TABLE one AS SELECT NULL::INT AS a, 1 AS b",
    "CREATE VIEW v AS SELECT * FROM one",
  );
  expect(await resultOf(path, check)).toMatchObject({ status: "pass" });
  expect(await resultOf(path, { ...check, table: "v" })).toMatchObject({ status: "fail", observed: "a: 1 NULL" });
});

test("a table or column that is not there, and a view that does not bind, are failed checks that say so", async () => {
  const path = await databaseWith(
    "CREATE TABLE tab AS SELECT 1 AS cik",
    "CREATE TABLE gone AS SELECT 1 AS cik",
    "CREATE VIEW v AS SELECT cik FROM gone",
    "DROP TABLE gone",
  );
  const [noTable, noColumn, view] = await resultsOf(path, [
    { ...check, table: "tap" },
    { ...check, table: "tab", columns: ["cikk"] },
    { ...check, table: "v", columns: ["cik"] },
  ]);
  expect(noTable).toMatchObject({
    status: "fail",
    observed: "no such table",
    message: expect.stringContaining('did you mean "tab"?'),
  });
  expect(noColumn).toMatchObject({
    status: "fail",
    observed: "no such column",
    column: "cikk",
    message: expect.stringContaining('did you mean "cik"?'),
  });
  expect(view).toMatchObject({ status: "fail", observed: "a view that does not bind", message: expect.stringContaining("gone") });
});

test.each(hostileNames)("a table, schema and column called %j", async (name) => {
  const path = await databaseWith(
    `CREATE SCHEMA ${quoted(name)}`,
    `CREATE TABLE ${quoted(name)}.${quoted(name)} AS SELECT NULL::INT AS ${quoted(name)}`,
  );
  const result = await resultOf(path, { check: "not_null", table: `${name}.${name}`, columns: [name.toUpperCase()] });
  expect(result).toMatchObject({ status: "fail", observed: `${name}: 1 NULL` });
  expect(await look(path, result)).toEqual([[null]]);
});

test("a schema that is called as the file is: the statement names the catalogue, too", async () => {
  const path = await databaseWith("CREATE SCHEMA DB.db", "CREATE TABLE DB.db.t AS SELECT NULL::INT AS a");
  const result = await resultOf(path, { check: "not_null", table: "db.t", columns: ["a"] });
  expect(result).toMatchObject({ status: "fail", sql: expect.stringContaining('"DB"."db"."t"') });
  expect(await look(path, result)).toHaveLength(1);
});
