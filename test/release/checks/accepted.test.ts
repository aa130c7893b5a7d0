import { expect, test } from "vitest";
import { checkSchema } from "../../../src/model/check.ts";
import { acceptedValuesMax } from "../../../src/model/check-shapes.ts";
import { databaseWith, hostileNames, look, quoted, resultOf, resultsOf } from "./support.ts";

const check = { check: "accepted", table: "t", column: "a", values: ["add", "cut"] };

test("passes where the column holds only the values; NULL passes", async () => {
  const path = await databaseWith("CREATE TABLE t AS SELECT unnest(['add', 'cut', NULL, 'add']) AS a");
  expect(await resultOf(path, check)).toMatchObject({
    name: "accepted_t_a",
    status: "pass",
    table: "t",
    column: "a",
    expected: '"add", "cut"',
    observed: "no other value",
  });
});

test("names other values, how many rows hold them, and a statement that shows those rows", async () => {
  const path = await databaseWith("CREATE TABLE t AS SELECT unnest(['add', 'Cut', 'x''y', 'Cut', NULL]) AS a");
  const result = await resultOf(path, check);
  expect(result).toMatchObject({ status: "fail", expected: '"add", "cut"' });
  expect(result.observed).toMatch(/^3 rows with /);
  expect(result.observed).toContain('"Cut"');
  expect(result.observed).toContain(`"x'y"`);
  expect(await look(path, result)).toHaveLength(3);
});

test("of many other values only some are named, and a long one is cut", async () => {
  const path = await databaseWith("CREATE TABLE t AS SELECT repeat('x', 1000) || range AS a FROM range(50)");
  const result = await resultOf(path, check);
  expect(result.observed).toMatch(/^50 rows with "x{60}"$/);
  const many = await databaseWith("CREATE TABLE t AS SELECT 'v' || range AS a FROM range(5000)");
  expect((await resultOf(many, check)).observed).toMatch(/^5,000 rows with ("v\d+", ){5}…$/);
});

test.each([
  ["INTEGER", [1, 2], "[1, 2, NULL]", "[1, 3]"],
  ["DOUBLE", [0.1, 2], "[0.1, 2.0]", "['0.1', 'NaN', 'Infinity']"],
  ["FLOAT", [0.1], "[0.1]", "[0.2]"],
  ["DECIMAL(10, 2)", [0.1, 2.25], "[0.10, 2.25]", "[0.11]"],
  ["BIGINT", [9_007_199_254_740_991], "[9007199254740991]", "[9007199254740990]"],
  ["BOOLEAN", [true], "[true, NULL]", "[false]"],
  ["VARCHAR", ["", "it's"], "['', 'it''s']", "[' ']"],
  ["ENUM('add', 'cut', 'other')", ["add", "cut", "new"], "['add', 'cut']", "['other']"],
])("%s: %j", async (...[type, values, good, bad]) => {
  const path = await databaseWith(
    `CREATE TABLE good AS SELECT unnest(${good})::${type} AS a`,
    `CREATE TABLE bad AS SELECT unnest(${bad}::VARCHAR[])::${type} AS a`,
  );
  const [first, second] = await resultsOf(path, [
    { ...check, table: "good", values },
    { ...check, table: "bad", values },
  ]);
  expect(first).toMatchObject({ status: "pass" });
  expect(second).toMatchObject({ status: "fail" });
  expect((await look(path, second!)).length).toBeGreaterThan(0);
});

test.each([
  ["INTEGER", "1", ["add"], "strings"],
  ["VARCHAR", "'1'", [1], "numbers"],
  ["BOOLEAN", "true", ["true"], "strings"],
  ["INTEGER", "1", [true], "booleans"],
  ["DATE", "'2026-01-01'", ["2026-01-01"], "strings"],
  ["VARCHAR[]", "['a']", ["a"], "strings"],
  ["STRUCT(x VARCHAR)", "{x: 'a'}", ["a"], "strings"],
])("a column of type %s does not compare: a failed check names the type", async (...[type, value, values, kind]) => {
  const path = await databaseWith(`CREATE TABLE t AS SELECT ${value}::${type} AS a`);
  const result = await resultOf(path, { ...check, values });
  expect(result).toMatchObject({
    status: "fail",
    observed: type,
    message: expect.stringContaining(`does not compare with the ${kind}`),
  });
});

test("the longest list that is allowed, on a column called as badly as can be", async () => {
  const values = Array.from({ length: acceptedValuesMax }, (_, index) => `${hostileNames[4]}${index}`);
  const name = hostileNames[0];
  const path = await databaseWith(
    `CREATE TABLE t AS SELECT '${hostileNames[4].replaceAll("'", "''")}' || range AS ${quoted(name)} FROM range(1001)`,
  );
  const result = await resultOf(path, { ...check, column: name, values });
  expect(result).toMatchObject({ status: "fail", observed: expect.stringContaining("1 row with") });
  expect(await look(path, result)).toHaveLength(1);
  expect(checkSchema.safeParse({ ...check, values: [...values, "x"] }).success).toBe(false);
});

test("a number that is none cannot be configured", () => {
  for (const values of [[Number.NaN], [Infinity], [], ["a", 1], [new Date()], ["a\0b"]]) {
    expect(checkSchema.safeParse({ ...check, values }).success).toBe(false);
  }
});
