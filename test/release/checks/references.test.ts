import { expect, test } from "vitest";
import { checkSchema } from "../../../src/model/check.ts";
import { databaseWith, hostileNames, look, quoted, resultOf } from "./support.ts";

const check = { check: "references", table: "t", column: "a", to: "parents.id" };

test("passes where every value is there; NULL passes, on either side", async () => {
  const path = await databaseWith(
    "CREATE TABLE parents AS SELECT unnest([1, 2, NULL]) AS id",
    "CREATE TABLE t AS SELECT unnest([1, 2, 2, NULL]) AS a",
  );
  expect(await resultOf(path, check)).toMatchObject({
    name: "references_t_a",
    status: "pass",
    table: "t",
    column: "a",
    expected: "every value is in parents.id",
  });
});

test("tells how many rows refer to nothing, one of them, and shows them all", async () => {
  const path = await databaseWith(
    "CREATE TABLE parents AS SELECT unnest([1, NULL]) AS id",
    "CREATE TABLE t AS SELECT unnest([1, 7, 7, 9, NULL]) AS a",
  );
  const result = await resultOf(path, check);
  expect(result).toMatchObject({ status: "fail", observed: '3 rows without one, such as "7"' });
  expect(await look(path, result)).toEqual([[7], [7], [9]]);
});

test("an empty target has nothing to refer to; a view is a target as well", async () => {
  const path = await databaseWith(
    "CREATE TABLE t AS SELECT 1 AS a",
    "CREATE TABLE parents (id BIGINT)",
    "CREATE VIEW v AS SELECT 1::DECIMAL(9, 2) AS id",
  );
  expect(await resultOf(path, check)).toMatchObject({ status: "fail", observed: expect.stringContaining("1 row") });
  expect(await resultOf(path, { ...check, to: "v.id" })).toMatchObject({ status: "pass" });
});

test.each([
  ["INTEGER", "1", "VARCHAR", "'1'"],
  ["VARCHAR", "'x'", "INTEGER", "1"],
  ["TIMESTAMP", "'2026-01-01'", "TIMESTAMP WITH TIME ZONE", "'2026-01-01'"],
  ["INTEGER[]", "[1]", "INTEGER", "1"],
  ["UUID", "'00000000-0000-0000-0000-000000000000'", "VARCHAR", "''"],
])("%s does not compare with the type of the target: both are named", async (...[type, value, targetType, target]) => {
  const path = await databaseWith(
    `CREATE TABLE t AS SELECT ${value}::${type} AS a`,
    `CREATE TABLE parents AS SELECT ${target}::${targetType} AS id`,
  );
  const result = await resultOf(path, check);
  expect(result).toMatchObject({ status: "fail", observed: `t.a is ${type}, parents.id is ${targetType}` });
  expect(result.message).toContain("do not compare");
});

test.each(hostileNames)("names like %j on both sides, the target with its schema", async (name) => {
  const path = await databaseWith(
    `CREATE SCHEMA ${quoted(name)}`,
    `CREATE TABLE ${quoted(name)}.${quoted(name)} AS SELECT 1 AS ${quoted(name)}`,
    `CREATE TABLE ${quoted(name)} AS SELECT unnest([1, 2]) AS ${quoted(name)}`,
  );
  const result = await resultOf(path, { ...check, table: name, column: name, to: [name, name, name].join(".") });
  expect(result).toMatchObject({ status: "fail", observed: '1 row without one, such as "2"' });
  expect(await look(path, result)).toEqual([[2]]);
});

test.each(["none.id", "parents.none", "main.none.id"])("a target that is not there: %s", async (to) => {
  const path = await databaseWith("CREATE TABLE t AS SELECT 1 AS a", "CREATE TABLE parents AS SELECT 1 AS id");
  expect(await resultOf(path, { ...check, to })).toMatchObject({ status: "fail", observed: `no ${to}` });
});

test("a target without a dot cannot be configured", () => {
  for (const to of ["parents", ".id", "parents.", ""]) expect(checkSchema.safeParse({ ...check, to }).success).toBe(false);
});
