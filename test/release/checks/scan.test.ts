import { expect, test } from "vitest";
import { duckdbEngine } from "../../../src/engine/duckdb/engine.ts";
import { sqliteEngine } from "../../../src/engine/sqlite/engine.ts";
import { checkSchema } from "../../../src/model/check.ts";
import { nodePlatform } from "../../../src/platform/node.ts";
import type { ReleaseEngine } from "../../../src/release/engine.ts";
import { runChecks } from "../../../src/release/checks/run-checks.ts";
import { openReleaseStore } from "../../../src/release/open.ts";
import { databaseWith } from "./support.ts";

/** Runs checks and tells which statements they asked. */
async function statementsOf(path: string, checks: readonly object[]) {
  const platform = nodePlatform();
  const real = duckdbEngine(platform);
  const statements: string[] = [];
  const engine: ReleaseEngine = {
    ...real,
    async inspect(file, name) {
      const inspection = await real.inspect(file, name);
      return {
        ...inspection,
        query(sql, options) {
          statements.push(sql);
          return inspection.query(sql, options);
        },
      };
    },
  };
  const parsed = checks.map((check) => checkSchema.parse(check));
  const store = openReleaseStore(
    { name: "holdings", dir: "unused", layout: "slots", checks: parsed },
    { platform, engine, sqlite: sqliteEngine(platform) },
  );
  const { checks: results } = await runChecks(store, { path, basename: "DB", baseline: async () => ({ missing: "none" }) });
  return { statements, results: results.slice(-checks.length) };
}

const notNull = (...columns: string[]) => ({ check: "not_null", table: "t", columns });

test("checks of one table are asked with one scan of it", async () => {
  const path = await databaseWith(
    "CREATE TABLE t AS SELECT range AS a, 'x' AS b, now()::TIMESTAMP AS at FROM range(9)",
    "CREATE TABLE u AS SELECT 1 AS a, 2 AS b FROM range(2)",
  );
  const { statements, results } = await statementsOf(path, [
    notNull("a"),
    { check: "accepted", table: "T", column: "b", values: ["x"] },
    { ...notNull("a", "b"), table: "u" },
    { check: "fresh", table: "main.t", column: "at", warn_after: "1d" },
    notNull("a", "b"),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["pass", "pass", "pass", "pass", "pass"]);
  expect(statements.filter((sql) => sql.includes('"t"'))).toHaveLength(1);
  expect(statements.filter((sql) => sql.includes('"u"'))).toHaveLength(1);
  expect(statements).toHaveLength(2);
});

test("one that cannot be computed spoils no other of its table", async () => {
  const path = await databaseWith(
    "CREATE TABLE raw AS SELECT unnest(['1', 'x']) AS a, 1 AS b, NULL::INT AS c",
    "CREATE VIEW t AS SELECT a::INTEGER AS a, b, c FROM raw",
  );
  const { results } = await statementsOf(path, [notNull("b"), notNull("a"), notNull("c")]);
  expect(results).toMatchObject([
    { status: "pass" },
    { status: "fail", observed: "QUERY_FAILED", message: expect.stringContaining("Could not convert") },
    { status: "fail", observed: "c: 2 NULL" },
  ]);
});

test("more aggregates than one statement holds are cut into several, none is lost", async () => {
  const columns = Array.from({ length: 450 }, (_, index) => `c${index}`);
  const path = await databaseWith(
    `CREATE TABLE t AS SELECT ${columns.map((name, index) => `${index === 333 ? "NULL::INT" : index} AS ${name}`).join(", ")} FROM range(3)`,
  );
  const checks = Array.from({ length: 9 }, (_, index) => notNull(...columns.slice(index * 50, index * 50 + 50)));
  const { statements, results } = await statementsOf(path, checks);
  expect(statements).toHaveLength(3);
  expect(results.map(({ status }) => status)).toEqual(["pass", "pass", "pass", "pass", "pass", "pass", "fail", "pass", "pass"]);
  expect(results[6]).toMatchObject({ observed: "c333: 3 NULL" });
});

test("FACTS 1.12: an error of the engine is no finding of a check: it is thrown", async () => {
  const path = await databaseWith("CREATE TABLE t AS SELECT 1 AS a");
  const platform = nodePlatform();
  const real = duckdbEngine(platform);
  const engine: ReleaseEngine = {
    ...real,
    inspect: async (file, name) => ({
      ...(await real.inspect(file, name)),
      query: () => Promise.reject(Object.assign(new Error("the disk is gone"), { code: "EIO" })),
    }),
  };
  const store = openReleaseStore(
    { name: "holdings", dir: "unused", layout: "slots", checks: [checkSchema.parse(notNull("a"))] },
    { platform, engine, sqlite: sqliteEngine(platform) },
  );
  await expect(runChecks(store, { path, basename: "DB", baseline: async () => ({ missing: "none" }) })).rejects.toThrow(
    "the disk is gone",
  );
});

test("checks that are interrupted end", async () => {
  const path = await databaseWith("CREATE VIEW t AS SELECT count(*) AS a FROM range(1000000000000) WHERE range % 7 = 8");
  const platform = nodePlatform();
  const checks = [checkSchema.parse(notNull("a"))];
  const store = openReleaseStore(
    { name: "holdings", dir: "unused", layout: "slots", checks },
    { platform, engine: duckdbEngine(platform), sqlite: sqliteEngine(platform) },
  );
  const stop = new AbortController();
  const running = runChecks(store, {
    path,
    basename: "DB",
    baseline: async () => ({ missing: "none" }),
    signal: stop.signal,
  });
  stop.abort();
  await expect(running).rejects.toMatchObject({ code: "INTERRUPTED" });
});
