import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkSchema, type CheckResult } from "../../src/model/check.ts";
import { checkRelease } from "../../src/release/check.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import type { BuildSource } from "../../src/release/store.ts";
import { rowsBuild, storeIn, valueIn, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const checks = [
  { check: "rows", table: "t", drift: 0.5 },
  { check: "schema", mode: "compatible" },
].map((check) => checkSchema.parse(check));

const own = (results: readonly CheckResult[]) =>
  results.filter(({ check }) => check === "rows" || check === "schema").map(({ status, message }) => [status, message]);

test("a build is compared with the release that it would replace; without one the reason is told", async () => {
  const store = storeIn(temporaryFolder(), { checks });
  const first = await publish(store, rowsBuild(10));
  expect(own(first.checks)).toEqual([
    ["skip", "t has 10 rows; there is no active release to compare with"],
    ["skip", "there is no active release to compare with"],
  ]);
  expect(await publish(store, rowsBuild(12))).toMatchObject({ outcome: "switched" });
  const refused = await publish(store, rowsBuild(30));
  expect(refused.outcome).toBe("refused");
  expect(own(refused.checks)[0]).toEqual(["fail", "t has 30 rows, 12 in r000002: +150 %; at most 50 % is allowed"]);
  const other: BuildSource = {
    kind: "function",
    build: ({ path }) => writeDatabase(path, "CREATE TABLE t AS SELECT 'x' AS n FROM range(12)"),
  };
  const changed = await publish(store, other);
  expect(changed.outcome).toBe("refused");
  expect(own(changed.checks)[1]).toEqual(["fail", "against r000002: t.n is VARCHAR, it was BIGINT"]);
});

test("what is compared with is what is active when the checks run, after a rollback too", async () => {
  const store = storeIn(temporaryFolder(), { checks });
  await publish(store, rowsBuild(10));
  await publish(storeIn(store.paths.folder), rowsBuild(1000));
  await rollback(store);
  expect(await publish(store, rowsBuild(11))).toMatchObject({ outcome: "switched" });
});

test("check compares with the parent, as the publish did, as long as its record is kept", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder, { checks });
  await publish(store, rowsBuild(10));
  expect(own((await checkRelease(store)).checks)).toEqual([
    ["skip", "t has 10 rows; r000001 had no release before it to compare with"],
    ["skip", "r000001 had no release before it to compare with"],
  ]);
  await publish(store, rowsBuild(12));
  const { checks: compared } = await checkRelease(store);
  expect(own(compared)).toEqual([
    ["pass", "t has 12 rows, 10 in r000001: +20 %; at most 50 % is allowed"],
    ["pass", "against r000001: no difference"],
  ]);
  rmSync(join(folder, ".lockkeeper/records/r000001.json"));
  expect(own((await checkRelease(store)).checks).map(([status]) => status)).toEqual(["skip", "skip"]);
});

test("the report of a refused build names table, column, observed and expected, and its statement runs on the file that is kept", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder, { checks: [checkSchema.parse({ check: "not_null", table: "t", columns: ["n"] })] });
  const result = await publish(store, {
    kind: "function",
    build: ({ path }) => writeDatabase(path, "CREATE TABLE t AS SELECT unnest([1, NULL, NULL]) AS n"),
  });
  const kept = result.quarantine ?? "";
  const report = JSON.parse(readFileSync(join(kept, "report.json"), "utf8")) as { checks: CheckResult[] };
  const failed = report.checks.find(({ status }) => status === "fail");
  expect(failed).toEqual({
    name: "not_null_t",
    check: "not_null",
    severity: "error",
    status: "fail",
    table: "t",
    column: "n",
    observed: "n: 2 NULL",
    expected: "no NULL",
    message: "t: n is NULL in 2 rows",
    sql: 'SELECT * FROM "main"."t" WHERE "n" IS NULL LIMIT 20',
  });
  expect(await valueIn(join(kept, "DB.duckdb"), `SELECT count(*) FROM (${failed?.sql})`)).toBe("2");
});

test("FACTS 2.14: a view over the build's folder refuses the release that it would be broken in", async () => {
  const store = storeIn(temporaryFolder());
  const result = await publish(store, {
    kind: "function",
    build: ({ path, dir }) =>
      writeDatabase(path, `COPY (SELECT 1 AS n) TO '${dir}/x.parquet'`, `CREATE VIEW v AS SELECT * FROM '${dir}/x.parquet'`),
  });
  expect(result.outcome).toBe("refused");
  expect(result.checks.filter(({ status }) => status === "fail")).toMatchObject([{ check: "view_files", table: "main.v" }]);
});
