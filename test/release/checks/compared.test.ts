import { describe, expect, test } from "vitest";
import type { ReleaseTable } from "../../../src/model/release-record.ts";
import { databaseWith, look, resultOf, resultsOf } from "./support.ts";

const column = (name: string, type = "INTEGER", nullable = true) => ({ name, type, nullable });
const table = (name: string, rows: number, ...columns: ReturnType<typeof column>[]): ReleaseTable => ({
  schema: "main",
  name,
  kind: "table",
  rows,
  columns,
});

describe("drift", () => {
  const check = { check: "rows", table: "t", drift: 0.1 };
  const before = (rows: number) => ({ release: "r000041", tables: [table("t", rows)] });
  const rows = (count: number) => databaseWith(`CREATE TABLE t AS SELECT range AS n FROM range(${count})`);

  test.each([
    [100, 100, "pass"],
    [110, 100, "pass"],
    [90, 100, "pass"],
    [111, 100, "fail"],
    [89, 100, "fail"],
    [0, 100, "fail"],
    [0, 0, "pass"],
  ])("%s rows after %s: %s", async (count, prior, status) => {
    const result = await resultOf(await rows(count), check, before(prior));
    expect(result).toMatchObject({ name: "drift_t", check: "rows", status, table: "t" });
    expect(result.observed).toContain(`${count} rows`);
    expect(result.expected).toBe(`${prior} rows in r000041, at most 10 % more or fewer`);
  });

  test("names both counts and the change", async () => {
    const result = await resultOf(await rows(150), check, before(100));
    expect(result.message).toBe("t has 150 rows, 100 in r000041: +50 %; at most 10 % is allowed");
  });

  test("a share that is not exact in binary still means what it says", async () => {
    for (const [count, prior, drift] of [
      [11, 10, 0.1],
      [130, 100, 0.3],
      [1070, 1000, 0.07],
    ] as const) {
      expect(await resultOf(await rows(count), { ...check, drift }, before(prior))).toMatchObject({ status: "pass" });
    }
  });

  test("is skipped, with the reason, where there is nothing to compare with", async () => {
    const path = await rows(3);
    for (const [baseline, reason] of [
      [{ missing: "there is no active release" }, "there is no active release"],
      [{ release: "r000041", tables: [table("other", 5)] }, "r000041 has no such table"],
      [before(0), "r000041 has none"],
    ] as const) {
      expect(await resultOf(path, check, baseline)).toMatchObject({
        status: "skip",
        message: expect.stringContaining(reason),
        observed: "3 rows",
      });
    }
  });

  test("bounds beside it are judged by themselves", async () => {
    const results = await resultsOf(await rows(3), [{ ...check, name: "size", min: 4 }]);
    expect(results.map(({ name, status }) => [name, status])).toEqual([
      ["size", "fail"],
      ["size_drift", "skip"],
    ]);
  });

  test("a view and a missing table fail", async () => {
    const path = await databaseWith("CREATE VIEW t AS SELECT 1 AS n");
    expect(await resultOf(path, check, before(3))).toMatchObject({ status: "fail", observed: "a view" });
    expect(await resultOf(path, { ...check, table: "gone" }, before(3))).toMatchObject({
      status: "fail",
      observed: "no such table",
    });
  });
});

describe("schema", () => {
  const baseline = {
    release: "r000041",
    tables: [table("t", 3, column("a"), column("b", "VARCHAR")), { ...table("v", 0, column("a")), kind: "view" as const }],
  };
  const view = "CREATE VIEW v AS SELECT a FROM t";
  const verdicts = async (...statements: string[]) => {
    const path = await databaseWith(...statements);
    const results = await resultsOf(
      path,
      ["identical", "compatible", "any"].map((mode) => ({ check: "schema", mode })),
      baseline,
    );
    return { path, results, statuses: results.map(({ status }) => status) };
  };

  test("the same passes in every mode", async () => {
    const { statuses, results } = await verdicts("CREATE TABLE t (a INTEGER, b VARCHAR)", view);
    expect(statuses).toEqual(["pass", "pass", "pass"]);
    expect(results[0]).toMatchObject({
      name: "schema",
      observed: "no difference",
      expected: expect.stringContaining("against r000041"),
    });
  });

  test.each([
    ["a table more", ["CREATE TABLE t (a INTEGER, b VARCHAR)", view, "CREATE TABLE x (a INTEGER)"], "table x added"],
    ["a column more", ["CREATE TABLE t (a INTEGER, b VARCHAR, c DATE)", view], "t.c added"],
    ["another order", ["CREATE TABLE t (b VARCHAR, a INTEGER)", view], "t: columns in another order"],
    ["NOT NULL", ["CREATE TABLE t (a INTEGER NOT NULL, b VARCHAR)", view], "t.a is NOT NULL now"],
    ["another spelling", ["CREATE TABLE t (A INTEGER, b VARCHAR)", "CREATE VIEW v AS SELECT a AS a FROM t"], "t.A was spelt a"],
    [
      "a table in a view's place",
      ["CREATE TABLE t (a INTEGER, b VARCHAR)", "CREATE TABLE v (a INTEGER)"],
      "v is a table, it was a view",
    ],
  ])("%s is compatible, not identical", async (_, statements, text) => {
    const { statuses, results } = await verdicts(...statements);
    expect(statuses).toEqual(["fail", "pass", "pass"]);
    for (const { observed } of results) expect(observed).toBe(text);
  });

  test.each([
    ["a table gone", ["CREATE VIEW v AS SELECT 1 AS a"], "table t removed", "t", undefined],
    ["a view gone", ["CREATE TABLE t (a INTEGER, b VARCHAR)"], "view v removed", "v", undefined],
    ["a column gone", ["CREATE TABLE t (a INTEGER)", view], "t.b removed", "t", "b"],
    [
      "another type",
      ["CREATE TABLE t (a BIGINT, b VARCHAR)", "CREATE VIEW v AS SELECT a::INTEGER AS a FROM t"],
      "t.a is BIGINT, it was INTEGER",
      "t",
      "a",
    ],
    [
      "another type in a view",
      ["CREATE TABLE t (a INTEGER, b VARCHAR)", "CREATE VIEW v AS SELECT b AS a FROM t"],
      "v.a is VARCHAR, it was INTEGER",
      "v",
      "a",
    ],
  ])("%s is neither; table and column are named", async (...[, statements, text, name, columnName]) => {
    const { path, statuses, results } = await verdicts(...statements);
    expect(statuses).toEqual(["fail", "fail", "pass"]);
    const [, compatible] = results;
    expect(compatible).toMatchObject({ observed: text, table: name, ...(columnName !== undefined && { column: columnName }) });
    expect(results[2]?.observed).toBe(text);
    if (compatible?.sql !== undefined) expect((await look(path, compatible)).length).toBeGreaterThan(0);
  });

  test("many differences are told in a bounded line", async () => {
    const tables = Array.from({ length: 300 }, (_, index) => table(`t${index}`, 1, column("a")));
    const result = await resultOf(
      await databaseWith("CREATE TABLE x (a INTEGER)"),
      { check: "schema", mode: "compatible" },
      { release: "r000041", tables },
    );
    expect(result.observed).toBe(
      "table t0 removed, table t1 removed, table t2 removed, table t3 removed, table t4 removed and 295 more",
    );
  });

  test("is skipped, with the reason, where there is nothing to compare with", async () => {
    const path = await databaseWith("CREATE TABLE t (a INTEGER)");
    expect(await resultOf(path, { check: "schema", mode: "identical" })).toMatchObject({
      status: "skip",
      message: "nothing before",
    });
  });
});
