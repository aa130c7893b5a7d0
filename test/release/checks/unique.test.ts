import { expect, test } from "vitest";
import { databaseWith, hostileNames, look, quoted, resultOf } from "./support.ts";

const check = { check: "unique", table: "t", columns: ["a"] };
const composite = { ...check, columns: ["a", "b"] };

/** A duplicate at the far end, so that no look at the first rows finds it. */
const many = 150_000;

test("passes where each key occurs once", async () => {
  const path = await databaseWith("CREATE TABLE t AS SELECT range // 2 AS a, range % 2 AS b FROM range(100)");
  expect(await resultOf(path, composite)).toMatchObject({
    name: "unique_t_a_b",
    status: "pass",
    column: "a, b",
    observed: "each once",
  });
});

test("tells how many keys occur more than once, in how many rows, and shows them", async () => {
  const path = await databaseWith("CREATE TABLE t AS SELECT unnest([1, 1, 1, 2, 2, 3]) AS a");
  const result = await resultOf(path, check);
  expect(result).toMatchObject({
    status: "fail",
    observed: "2 keys in 5 rows",
    expected: "each key once",
    message: "t: 2 keys of (a) occur more than once, in 5 rows",
  });
  expect(await look(path, result)).toEqual([
    [1, "3"],
    [2, "2"],
  ]);
});

test("rows with a NULL in the key pass, as with UNIQUE in SQL; NaN equals NaN", async () => {
  const path = await databaseWith(
    "CREATE TABLE t AS SELECT * FROM (VALUES (1, NULL), (1, NULL), (NULL, 1), (NULL, 1), (1, 1)) AS v(a, b)",
    "CREATE TABLE floats AS SELECT unnest(['NaN'::DOUBLE, 'NaN'::DOUBLE, 'Infinity'::DOUBLE, NULL, NULL]) AS a",
  );
  expect(await resultOf(path, composite)).toMatchObject({ status: "pass" });
  expect(await resultOf(path, { ...check, table: "floats" })).toMatchObject({ status: "fail", observed: "1 key in 2 rows" });
});

test.each([
  ["in order", "range", "range"],
  ["in descending order", `${many} - range`, `${many} - range`],
  ["whole numbers in no order", `(range * 7919) % ${many}`, `(range * 7919) % ${many}`],
  ["whole numbers with big gaps", `((range * 7919) % ${many}) * 1000003`, `((range * 7919) % ${many}) * 1000003`],
  ["texts in no order", `'k' || ((range * 7919) % ${many})`, `'k' || ((range * 7919) % ${many})`],
])("%s: a large table passes, and one duplicate at its end is found", async (_, expression) => {
  const path = await databaseWith(
    `CREATE TABLE t AS SELECT ${expression} AS a, 'same' AS b FROM range(${many})`,
    `CREATE TABLE twice AS SELECT * FROM t UNION ALL SELECT a, 'same' FROM (SELECT * FROM t LIMIT 1 OFFSET 75000)`,
  );
  for (const columns of [["a"], ["b", "a"]]) {
    expect(await resultOf(path, { ...check, columns })).toMatchObject({ status: "pass" });
    const failed = await resultOf(path, { ...check, table: "twice", columns });
    expect(failed).toMatchObject({ status: "fail", observed: "1 key in 2 rows" });
    expect(await look(path, failed)).toHaveLength(1);
  }
});

test.each(["TINYINT", "SMALLINT", "INTEGER", "BIGINT"])("the outermost values of %s", async (type) => {
  const path = await databaseWith(
    `CREATE TABLE t AS SELECT (range % 100)::${type} AS a FROM range(${many})`,
    `CREATE TABLE ends AS SELECT unnest([min, max])::${type} AS a FROM (SELECT -1 * (2::HUGEINT ** (8 * ${{ TINYINT: 1, SMALLINT: 2, INTEGER: 4, BIGINT: 8 }[type]} - 1))::HUGEINT AS min, (2::HUGEINT ** (8 * ${{ TINYINT: 1, SMALLINT: 2, INTEGER: 4, BIGINT: 8 }[type]} - 1))::HUGEINT - 1 AS max)`,
  );
  expect(await resultOf(path, check)).toMatchObject({
    status: "fail",
    observed: `100 keys in ${many.toLocaleString("en-US")} rows`,
  });
  expect(await resultOf(path, { ...check, table: "ends" })).toMatchObject({ status: "pass" });
});

test("FACTS 2.6: a primary key does not spare the look, and nothing but NULLs is unique", async () => {
  const path = await databaseWith(
    "CREATE TABLE t (a INTEGER PRIMARY KEY)",
    "INSERT INTO t SELECT range FROM range(10)",
    `CREATE TABLE nulls AS SELECT NULL::INTEGER AS a FROM range(${many})`,
  );
  expect(await resultOf(path, check)).toMatchObject({ status: "pass" });
  expect(await resultOf(path, { ...check, table: "nulls" })).toMatchObject({ status: "pass" });
});

test("views, lists and structs have keys, too", async () => {
  const path = await databaseWith(
    "CREATE TABLE t AS SELECT [1, NULL] AS a, {x: 1} AS b FROM range(2)",
    "CREATE VIEW v AS SELECT * FROM t",
  );
  expect(await resultOf(path, { ...composite, table: "v" })).toMatchObject({ status: "fail", observed: "1 key in 2 rows" });
});

test.each(hostileNames)("columns called %j", async (name) => {
  const path = await databaseWith(`CREATE TABLE t AS SELECT 1 AS ${quoted(name)}, 2 AS b FROM range(2)`);
  const result = await resultOf(path, { ...check, columns: [name, "B"] });
  expect(result).toMatchObject({ status: "fail", observed: "1 key in 2 rows" });
  expect(await look(path, result)).toEqual([[1, 2, "2"]]);
});

test("a column that is missing", async () => {
  const path = await databaseWith("CREATE TABLE t AS SELECT 1 AS a");
  expect(await resultOf(path, composite)).toMatchObject({ status: "fail", observed: "no such column", column: "b" });
});
