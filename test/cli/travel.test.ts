import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { rowsBuild, storeIn } from "../support/store.ts";
import { errorOf, jsonOf, runCli, workspaceFolder } from "./support/cli.ts";

const sql = "SELECT count(*)::INT FROM t";

it("query --release answers from the release before, and from a build that was refused, with nothing active, too", async () => {
  const cwd = workspaceFolder();
  const checks = [{ check: "rows", severity: "error", table: "t", min: 2 }] as const;
  const store = storeIn(join(cwd, "data"), { checks });
  const refused = await publish(store, rowsBuild(1));
  const failing = { kind: "function", build: () => Promise.reject(new Error("no input")) } as const;
  await expect(publish(store, failing)).rejects.toMatchObject({ code: "BUILD_FAILED" });
  const failed = readdirSync(store.paths.quarantine).find((build) => build !== refused.build) ?? "";
  const look = ["query", "holdings", sql, "--release", refused.build ?? ""];
  expect((await jsonOf(look, { cwd })).document).toEqual({
    schema: "lockkeeper/query@1",
    store: "holdings",
    release: refused.build,
    columns: [expect.objectContaining({ type: "INTEGER" })],
    rows: [[1]],
  });
  expect(await errorOf(["query", "holdings", sql, "--release", failed], { cwd })).toMatchObject({
    code: "RELEASE_UNKNOWN",
    exit: 10,
    message: expect.stringContaining("report.json"),
  });
  const log = join(store.paths.quarantine, refused.build ?? "", "DB.duckdb.wal");
  writeFileSync(log, "what a builder had not finished");
  expect(await errorOf(look, { cwd })).toMatchObject({
    code: "RELEASE_UNKNOWN",
    message: expect.stringContaining("not finished"),
  });
  rmSync(log);
  for (const count of [2, 3]) await publish(store, rowsBuild(count));
  expect((await jsonOf(["query", "holdings", sql, "--release", "r000001"], { cwd })).document).toMatchObject({
    release: "r000001",
    version: 1,
    rows: [[2]],
  });
  expect((await runCli(["query", "holdings", sql, "--release", "r000002"], { cwd })).stdout).toContain("1 row from r000002");
  // What is active may be what is broken: the other one can be looked at all the same.
  rmSync(join(cwd, "data/DB_b.duckdb"));
  expect((await runCli(["query", "holdings", sql], { cwd })).code).toBe(10);
  expect((await runCli(["query", "holdings", sql, "--release", "r000001"], { cwd })).code).toBe(0);
  expect(await errorOf(["query", "holdings", sql, "--release", "../../etc"], { cwd })).toMatchObject({ code: "RELEASE_UNKNOWN" });
});
