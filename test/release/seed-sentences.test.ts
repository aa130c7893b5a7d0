import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { adopt } from "../../src/release/adopt.ts";
import { initialize } from "../../src/release/initialize.ts";
import { publish } from "../../src/release/publish.ts";
import type { BuildSource } from "../../src/release/store.ts";
import { openReader } from "../../src/workspace/open-reader.ts";
import { manifestBytes, manifestOf, rowsBuild, sha256Of, storeIn, writeDatabase, writeFromOutside } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** An ETL as it was before: a script that only knows DUCKDB_PATH. */
function etl(body: string): BuildSource {
  const script = `
    const { DuckDBInstance } = require("@duckdb/node-api");
    (async () => {
      const instance = await DuckDBInstance.create(process.env.DUCKDB_PATH);
      const connection = await instance.connect();
      ${body}
      connection.closeSync();
      instance.closeSync();
    })().catch((error) => { console.error(error.message); process.exit(1); });`;
  return { kind: "command", argv: [process.execPath, "-e", script], folder: process.cwd() };
}

test("the system maintains two DuckDB files, and only one of them is active at any time", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  for (const [index, active] of ["a", "b", "a", "b"].entries()) {
    await publish(store, rowsBuild(index + 1));
    expect(manifestOf(folder)["active"]).toBe(active);
    const files = readdirSync(folder).filter((name) => name.endsWith(".duckdb"));
    expect(files).toEqual(index === 0 ? ["DB_a.duckdb"] : ["DB_a.duckdb", "DB_b.duckdb"]);
  }
});

test("the manifest lies in the DuckDB folder and holds active, version and lastUpdated", async () => {
  const folder = temporaryFolder();
  await publish(storeIn(folder), rowsBuild(1));
  const { active, version, lastUpdated } = manifestOf(folder) as { active: string; version: number; lastUpdated: string };
  expect(["a", "b"]).toContain(active);
  expect(Number.isInteger(version)).toBe(true);
  expect(new Date(lastUpdated).toISOString()).toBe(lastUpdated);
});

test("the ETL reads the manifest to determine the inactive database and its build ends up there", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const active = sha256Of(join(folder, "DB_a.duckdb"));
  const { plan } = await publish(store, rowsBuild(1), { dryRun: true });
  expect(plan?.target).toBe(join(folder, "DB_b.duckdb"));
  await publish(store, etl(`await connection.run("CREATE TABLE t AS SELECT 2 AS n");`));
  expect(existsSync(join(folder, "DB_b.duckdb"))).toBe(true);
  expect(sha256Of(join(folder, "DB_a.duckdb"))).toBe(active);
});

test("a successful build switches the active field, increments the version and updates the lastUpdated timestamp", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const before = manifestOf(folder) as { version: number; lastUpdated: string };
  await publish(store, rowsBuild(2));
  const after = manifestOf(folder) as { active: string; version: number; lastUpdated: string };
  expect(after).toMatchObject({ active: "b", version: before.version + 1 });
  expect(Date.parse(after.lastUpdated)).toBeGreaterThan(Date.parse(before.lastUpdated));
});

test("a build that fails does not update the manifest: byte-identical, and users continue seeing the previous data", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(3));
  const reader = await openReader({ dir: folder, basename: "DB" });
  const manifest = manifestBytes(folder);
  const failing = etl(`await connection.run("CREATE TABLE t AS SELECT 1 AS n"); throw new Error("no more input");`);
  await expect(publish(store, failing)).rejects.toMatchObject({ code: "BUILD_FAILED" });
  expect(manifestBytes(folder)).toBe(manifest);
  expect((await reader.query("SELECT count(*) FROM t")).rows).toEqual([["3"]]);
  await reader.close();
});

test("an ETL crash in mid-build leaves the active file untouched", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(3));
  const [manifest, active] = [manifestBytes(folder), sha256Of(join(folder, "DB_a.duckdb"))];
  const crashing = etl(
    `await connection.run("CREATE TABLE t AS SELECT range AS n FROM range(100000)"); process.kill(process.pid, "SIGKILL"); await new Promise(() => {});`,
  );
  await expect(publish(store, crashing)).rejects.toMatchObject({
    code: "BUILD_FAILED",
    message: expect.stringContaining("SIGKILL"),
  });
  expect([manifestBytes(folder), sha256Of(join(folder, "DB_a.duckdb"))]).toEqual([manifest, active]);
});

test("the app stays responsive while the ETL writes, and no lock error occurs; after the switch it returns the new data", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(3));
  const reader = await openReader({ dir: folder, basename: "DB" });
  let answers = 0;
  const building = publish(store, {
    kind: "function",
    async build({ path }) {
      await writeDatabase(path, "CREATE TABLE t AS SELECT range AS n FROM range(5)");
      // Requests go on being answered from the old release while the build is under way.
      for (; answers < 50; answers++) expect((await reader.query("SELECT count(*) FROM t")).rows).toEqual([["3"]]);
    },
  });
  expect((await building).outcome).toBe("switched");
  expect(answers).toBe(50);
  expect((await reader.query("SELECT count(*) FROM t")).rows).toEqual([["5"]]);
  await reader.close();
});

test("rollback: delete the manifest, the app falls back to DUCKDB_PATH, and the ETL goes on writing to the original path", async () => {
  const folder = temporaryFolder();
  const original = join(folder, "TR_05_DUCKDB_FILE.duckdb");
  await writeDatabase(original, "CREATE TABLE t AS SELECT 1 AS n");
  const store = storeIn(join(folder, "store"));
  await initialize(store, original);
  await publish(store, rowsBuild(2));
  const reader = await openReader({ dir: join(folder, "store"), fallback: original, pollMs: 20, fallbackIdleMs: 20 });
  expect((await reader.query("SELECT count(*) FROM t")).rows).toEqual([["2"]]);
  const warned = new Promise((resolve) => {
    reader.on("warning", resolve);
    reader.on("degraded", resolve);
  });
  rmSync(join(folder, "store", "db_manifest.json"));
  await warned;
  await expect.poll(() => reader.status().mode, { timeout: 20_000 }).toBe("fallback");
  expect((await reader.query("SELECT count(*) FROM t")).rows).toEqual([["1"]]);
  // The app is idle now: the single-file ETL, a process of its own, gets its lock.
  await expect.poll(() => writeFromOutside(original, "INSERT INTO t VALUES (2)"), { timeout: 30_000 }).toBe("written");
  expect((await reader.query("SELECT count(*) FROM t")).rows).toEqual([["2"]]);
  await reader.close();
  await expect(publish(store, rowsBuild(3))).rejects.toMatchObject({ code: "MANIFEST_GONE" });
  expect(await adopt(store, { slot: "b" })).toMatchObject({ version: 3 });
});
