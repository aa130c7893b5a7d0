import { EventEmitter, once } from "node:events";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { adopt } from "../../src/release/adopt.ts";
import { initialize } from "../../src/release/initialize.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { checkRelease } from "../../src/release/check.ts";
import { releasePath } from "../../src/release/path.ts";
import { storeStatus } from "../../src/release/status.ts";
import { startScript } from "../support/child.ts";
import { historyOf, manifestBytes, manifestOf, rowsBuild, sha256Of, storeIn, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

async function foreignStore(folder: string): Promise<void> {
  await writeDatabase(join(folder, "DB_a.duckdb"), "CREATE TABLE t AS SELECT 1 AS n");
  await writeDatabase(join(folder, "DB_b.duckdb"), "CREATE TABLE t AS SELECT 2 AS n");
  writeFileSync(join(folder, "db_manifest.json"), `{"active": "b", "version": 7}`);
}

function writerInside(path: string) {
  return startScript(`
    import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
    globalThis.instance = await DuckDBInstance.create(${JSON.stringify(path)});
    console.log("inside");
    process.stdin.resume();
  `);
}

test("one kind of writer: publish and rollback stop at another program's manifest and name adopt, exit 12", async () => {
  const folder = temporaryFolder();
  await foreignStore(folder);
  const store = storeIn(folder);
  const manifest = manifestBytes(folder);
  await expect(publish(store, rowsBuild(1))).rejects.toMatchObject({
    code: "FOREIGN_MANIFEST",
    exit: 12,
    hint: expect.stringContaining("adopt holdings"),
  });
  await expect(rollback(store)).rejects.toMatchObject({ code: "FOREIGN_MANIFEST" });
  expect(manifestBytes(folder)).toBe(manifest);
  expect(await storeStatus(store)).toMatchObject({ status: "warn", release: "v7-b", version: 7 });
});

test("adopt takes the store under care: the same data, version + 1, a record, no previous", async () => {
  const folder = temporaryFolder();
  await foreignStore(folder);
  const store = storeIn(folder);
  const sha256 = sha256Of(join(folder, "DB_b.duckdb"));
  expect(await adopt(store, { dryRun: true })).toMatchObject({ outcome: "planned", release: "r000001", version: 8 });
  expect(await adopt(store)).toEqual({
    store: "holdings",
    outcome: "switched",
    release: "r000001",
    version: 8,
    previous: { release: "v7-b", version: 7 },
    reason: "adopt",
  });
  const manifest = manifestOf(folder);
  expect(manifest).toMatchObject({ active: "b", version: 8, reason: "adopt", release: "r000001" });
  expect(manifest["previous"]).toBeUndefined();
  expect(sha256Of(join(folder, "DB_b.duckdb"))).toBe(sha256);
  await expect(rollback(store)).rejects.toMatchObject({ code: "RELEASE_UNKNOWN" });
  await expect(adopt(store)).rejects.toMatchObject({ code: "NOT_FOREIGN", exit: 12 });
  expect(await publish(store, rowsBuild(3))).toMatchObject({ release: "r000002", version: 9 });
  expect(manifestOf(folder)).toMatchObject({ active: "a" });
});

test("a manifest of ours that another program edited counts as foreign, whatever fields it kept", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  writeFileSync(join(folder, "db_manifest.json"), JSON.stringify({ ...manifestOf(folder), active: "a", version: 3 }, null, 4));
  await expect(publish(store, rowsBuild(3))).rejects.toMatchObject({ code: "FOREIGN_MANIFEST" });
  expect(await storeStatus(store)).toMatchObject({ release: "v3-a" });
  expect(await adopt(store)).toMatchObject({ release: "r000003", version: 4 });
});

test("a manifest that was only laid out anew is still ours", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  writeFileSync(join(folder, "db_manifest.json"), JSON.stringify(manifestOf(folder)));
  expect(await publish(store, rowsBuild(2))).toMatchObject({ version: 2 });
});

test("a DuckDB writer inside either slot keeps adopt out, exit 11", async () => {
  for (const slot of ["a", "b"]) {
    const folder = temporaryFolder();
    await foreignStore(folder);
    const writer = writerInside(join(folder, `DB_${slot}.duckdb`));
    await writer.line("inside");
    await expect(adopt(storeIn(folder))).rejects.toMatchObject({ code: "SLOT_BUSY", exit: 11 });
    expect(manifestOf(folder)).toEqual({ active: "b", version: 7 });
  }
});

test("rolling back by deleting the manifest stands: publish names adopt --slot, which makes the data active again under a new version", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  rmSync(join(folder, "db_manifest.json"));
  await expect(publish(store, rowsBuild(3))).rejects.toMatchObject({
    code: "MANIFEST_GONE",
    exit: 12,
    hint: expect.stringContaining("adopt holdings --slot"),
  });
  await expect(rollback(store)).rejects.toMatchObject({ code: "MANIFEST_GONE" });
  expect(await storeStatus(store)).toMatchObject({ status: "fail", detail: [expect.stringContaining("deleted")] });
  await expect(adopt(store)).rejects.toMatchObject({ code: "NO_RELEASE", hint: expect.stringContaining("--slot a") });
  expect(await adopt(store, { slot: "b" })).toMatchObject({ release: "r000003", version: 3 });
  expect(manifestOf(folder)).toMatchObject({ active: "b" });
  expect(historyOf(folder).at(-1)).toMatchObject({ reason: "adopt", version: 3 });
});

test("a manifest deleted during the build stops the install, and the checked build waits in quarantine", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const source = rowsBuild(2);
  const deleting = publish(store, {
    kind: "function",
    async build(context) {
      rmSync(join(folder, "db_manifest.json"));
      if (source.kind === "function") await source.build(context);
    },
  });
  await expect(deleting).rejects.toMatchObject({ code: "MANIFEST_GONE" });
  expect(existsSync(join(folder, "db_manifest.json"))).toBe(false);
});

test("init copies an existing database as version 1 and leaves the source", async () => {
  const folder = temporaryFolder();
  const source = join(folder, "existing.duckdb");
  await writeDatabase(source, "CREATE TABLE t AS SELECT 42 AS n");
  const sha256 = sha256Of(source);
  const store = storeIn(join(folder, "store"));
  expect(await initialize(store, source, { dryRun: true })).toMatchObject({ outcome: "planned", release: "r000001", version: 1 });
  expect(await initialize(store, source)).toEqual({
    store: "holdings",
    outcome: "switched",
    release: "r000001",
    version: 1,
    reason: "adopt",
  });
  expect(sha256Of(source)).toBe(sha256);
  expect(sha256Of(join(folder, "store", "DB_a.duckdb"))).toBe(sha256);
  await expect(initialize(store, source)).rejects.toMatchObject({ code: "STORE_NOT_EMPTY", exit: 12 });
});

test("init that waited for another publish does not put its copy over what came first", async () => {
  const folder = temporaryFolder();
  const source = join(folder, "existing.duckdb");
  await writeDatabase(source, "CREATE TABLE t AS SELECT 42 AS n");
  const store = storeIn(join(folder, "store"));
  const steps = new EventEmitter();
  const [building, goOn] = [once(steps, "building"), once(steps, "go on")];
  const first = publish(store, {
    kind: "function",
    async build({ path }) {
      steps.emit("building");
      await goOn;
      await writeDatabase(path, "CREATE TABLE t AS SELECT 1 AS n");
    },
  });
  await building;
  const late = initialize(store, source, {
    waitMs: 60_000,
    onProgress: (event) => event.kind === "waiting" && steps.emit("go on"),
  });
  await expect(late).rejects.toMatchObject({ code: "STORE_NOT_EMPTY", exit: 12 });
  expect(await first).toMatchObject({ version: 1 });
  expect(manifestOf(join(folder, "store"))).toMatchObject({ version: 1, reason: "publish" });
});

test("init refuses a source that is missing, has a log, has a writer inside, or is no database", async () => {
  const folder = temporaryFolder();
  const source = join(folder, "existing.duckdb");
  const store = storeIn(join(folder, "store"));
  await expect(initialize(store, source)).rejects.toMatchObject({ code: "FILE_MISSING", exit: 10 });
  await writeDatabase(source, "CREATE TABLE t AS SELECT 42 AS n");
  const writer = writerInside(source);
  await writer.line("inside");
  await expect(initialize(store, source)).rejects.toMatchObject({ code: "FILE_LOCKED", exit: 11 });
  writer.process.kill("SIGKILL");
  await writer.ended;
  writeFileSync(`${source}.wal`, "x");
  await expect(initialize(store, source)).rejects.toMatchObject({ code: "BUILD_UNFINISHED" });
  rmSync(`${source}.wal`);
  writeFileSync(join(folder, "text.duckdb"), "text\n".repeat(5000));
  await expect(initialize(store, join(folder, "text.duckdb"))).rejects.toMatchObject({ code: "DATABASE_CORRUPT", exit: 13 });
  expect(existsSync(join(folder, "store", "db_manifest.json"))).toBe(false);
  expect(await initialize(store, source)).toMatchObject({ version: 1 });
});

test("check compares with the record and finds a changed byte; path names the file; status is cheap and never throws", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder, { checks: [{ check: "rows", severity: "error", table: "t", min: 1 }] });
  expect(await storeStatus(store)).toMatchObject({ status: "fail", detail: ["no release yet"] });
  await publish(store, rowsBuild(2));
  const { checks } = await checkRelease(store);
  expect(checks.map((check) => [check.check, check.status])).toEqual([
    ["opens", "pass"],
    ["storage_version", "pass"],
    ["no_log", "pass"],
    ["views", "pass"],
    ["view_catalogues", "pass"],
    ["view_files", "pass"],
    ["phantom_rows", "pass"],
    ["rows", "pass"],
    ["sha256", "pass"],
  ]);
  expect(await releasePath(store, "t")).toEqual({
    store: "holdings",
    release: "r000001",
    version: 1,
    files: [join(folder, "DB_a.duckdb")],
  });
  await expect(releasePath(store, "u")).rejects.toMatchObject({ code: "TABLE_UNKNOWN", exit: 10 });
  expect(await storeStatus(store)).toMatchObject({ status: "pass", release: "r000001", version: 1, active: "a", detail: [] });
  writeFileSync(join(folder, "db_manifest.json"), "{");
  expect(await storeStatus(store)).toMatchObject({ status: "fail", detail: [expect.stringContaining("is not JSON")] });
});

test("several basenames in one folder are an error that names them", async () => {
  const folder = temporaryFolder();
  await foreignStore(folder);
  await writeDatabase(join(folder, "OTHER_a.duckdb"), "CREATE TABLE t AS SELECT 1 AS n");
  await expect(adopt(storeIn(folder, { basename: undefined }))).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("DB, OTHER"),
  });
});

test("what adopt cannot take is named: a version that none can follow, a layout of release folders", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await writeDatabase(join(folder, "DB_a.duckdb"), "CREATE TABLE t (n INTEGER)");
  const manifest = join(folder, "db_manifest.json");
  writeFileSync(manifest, `{"active":"a","version":${Number.MAX_SAFE_INTEGER}}`);
  await expect(adopt(store)).rejects.toMatchObject({ code: "MANIFEST_INVALID", subject: "version" });
  expect(manifestBytes(folder)).toBe(`{"active":"a","version":${Number.MAX_SAFE_INTEGER}}`);
  writeFileSync(manifest, '{"active":"r000042","version":1}');
  await expect(adopt(store)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});
