import { expect, test } from "vitest";
import { checkSchema } from "../../../src/model/check.ts";
import { databaseWith, hostileNames, look, now, quoted, resultOf } from "./support.ts";

const check = { check: "fresh", table: "t", column: "at", warn_after: "26h", error_after: "50h" };

/** A table whose newest value is so many hours older than the clock. */
const aged = (hours: number, type = "TIMESTAMP", ...more: string[]) =>
  databaseWith(
    `CREATE TABLE t AS SELECT ('${new Date(now.getTime() - hours * 3_600_000).toISOString().slice(0, 19)}'::TIMESTAMP - to_hours(range))::${type} AS at FROM range(3)`,
    ...more,
  );

test.each([
  [1, "pass", "error"],
  [26, "pass", "error"],
  [27, "fail", "warn"],
  [51, "fail", "error"],
])("%s hours old: %s, %s", async (hours, status, severity) => {
  const path = await aged(hours);
  const result = await resultOf(path, check);
  expect(result).toMatchObject({
    name: "fresh_t_at",
    status,
    severity,
    table: "t",
    column: "at",
    expected: "warn after 26h, error after 50h",
  });
  expect(result.observed).toMatch(/^2026-11-\d\dT\d\d:00:00\.000Z, .* old$/);
  if (status === "fail") expect(await look(path, result)).toHaveLength(3);
});

test("with severity warn, or without error_after, nothing is refused", async () => {
  const path = await aged(51);
  expect(await resultOf(path, { ...check, severity: "warn" })).toMatchObject({ status: "fail", severity: "warn" });
  expect(await resultOf(path, { check: "fresh", table: "t", column: "at", warn_after: "26h" })).toMatchObject({
    status: "fail",
    severity: "warn",
  });
  expect(await resultOf(path, { check: "fresh", table: "t", column: "at", error_after: "50h" })).toMatchObject({
    status: "fail",
    severity: "error",
  });
});

test.each(["DATE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"])("%s", async (type) => {
  expect(await resultOf(await aged(1, type), check)).toMatchObject({ status: "pass" });
  const old = await aged(80, type);
  const result = await resultOf(old, check);
  expect(result).toMatchObject({ status: "fail", severity: "error" });
  expect(await look(old, result)).toHaveLength(3);
});

test("a DATE counts from its midnight in UTC, a TIMESTAMP is in UTC whatever zone the session has", async () => {
  const path = await databaseWith(
    "CREATE TABLE t AS SELECT DATE '2026-11-21' AS at",
    "CREATE TABLE times AS SELECT TIMESTAMP '2026-11-21 10:00:00' AS at, TIMESTAMPTZ '2026-11-21 10:00:00-05' AS zoned",
  );
  expect((await resultOf(path, check)).observed).toBe("2026-11-21T00:00:00.000Z, 12 h 00 min old");
  expect((await resultOf(path, { ...check, table: "times" })).observed).toBe("2026-11-21T10:00:00.000Z, 2 h 00 min old");
  // 15:00 UTC is in the future.
  expect(await resultOf(path, { ...check, table: "times", column: "zoned" })).toMatchObject({
    status: "fail",
    observed: "1 row in the future",
  });
});

test.each([
  ["an empty table", 'CREATE TABLE t ("at" TIMESTAMP)', "no value"],
  ["nothing but NULL", "CREATE TABLE t AS SELECT NULL::TIMESTAMP AS at FROM range(3)", "no value"],
  ["nothing but the end of time", "CREATE TABLE t AS SELECT 'infinity'::TIMESTAMP AS at", "1 row in the future"],
  ["nothing but its beginning", "CREATE TABLE t AS SELECT '-infinity'::DATE AS at", "no finite value"],
])("%s fails", async (_, statement, observed) => {
  expect(await resultOf(await databaseWith(statement), check)).toMatchObject({ status: "fail", severity: "error", observed });
});

test("rows from the future do not make old data fresh; alone they only warn, and the statement shows them", async () => {
  const future = "INSERT INTO t SELECT unnest(['2027-01-01', '290000-01-01', 'infinity'])::TIMESTAMP";
  const old = await aged(51, "TIMESTAMP", future);
  expect(await resultOf(old, check)).toMatchObject({
    status: "fail",
    severity: "error",
    observed: expect.stringMatching(/old; 3 rows in the future$/),
  });
  const young = await aged(1, "TIMESTAMP", future);
  const result = await resultOf(young, check);
  expect(result).toMatchObject({ status: "fail", severity: "warn" });
  expect(await look(young, result)).toHaveLength(3);
});

test("five minutes ahead, and a DATE of tomorrow, are clocks and zones, not the future", async () => {
  const path = await databaseWith(
    "CREATE TABLE t AS SELECT TIMESTAMP '2026-11-21 12:05:00' AS at, DATE '2026-11-22' AS day",
    "CREATE TABLE late AS SELECT TIMESTAMP '2026-11-21 12:05:01' AS at, DATE '2026-11-23' AS day",
  );
  for (const column of ["at", "day"]) {
    expect(await resultOf(path, { ...check, column })).toMatchObject({ status: "pass" });
    expect(await resultOf(path, { ...check, table: "late", column })).toMatchObject({
      status: "fail",
      observed: "1 row in the future",
    });
  }
});

test.each(["BIGINT", "VARCHAR", "TIME", "TIMESTAMP[]"])(
  "a column of type %s is a failed check that names the type",
  async (type) => {
    const path = await databaseWith(`CREATE TABLE t ("at" ${type})`);
    expect(await resultOf(path, check)).toMatchObject({
      status: "fail",
      observed: type,
      message: expect.stringContaining("freshness needs"),
    });
  },
);

test.each(hostileNames)("a column called %j, in a view", async (name) => {
  const path = await databaseWith(`CREATE VIEW t AS SELECT TIMESTAMP '2026-11-21 11:00:00' AS ${quoted(name)}`);
  expect(await resultOf(path, { ...check, column: name })).toMatchObject({ status: "pass" });
});

test("bounds that cannot be are refused", () => {
  for (const bounds of [{}, { warn_after: "3h", error_after: "2h" }, { error_after: "2" }, { warn_after: "0s" }]) {
    expect(checkSchema.safeParse({ check: "fresh", table: "t", column: "at", ...bounds }).success).toBe(false);
  }
});
