import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import type { BuildSource, ProgressEvent } from "../../src/release/store.ts";
import { startScript } from "../support/child.ts";
import { historyOf, manifestBytes, manifestOf, rowsBuild, sha256Of, storeIn, valueIn, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const command = (script: string): BuildSource => ({
  kind: "command",
  argv: [process.execPath, "-e", script],
  folder: process.cwd(),
});

test("the first publish installs slot a as version 1, with record, pin and history", async () => {
  const folder = temporaryFolder();
  const result = await publish(storeIn(folder), rowsBuild(3));
  expect(result).toMatchObject({
    store: "holdings",
    outcome: "switched",
    release: "r000001",
    version: 1,
    tables: [{ schema: "main", name: "t", rows: 3 }],
  });
  expect(result.previous).toBeUndefined();
  const manifest = manifestOf(folder);
  expect(manifest).toMatchObject({
    active: "a",
    version: 1,
    formatVersion: 1,
    store: "holdings",
    layout: "slots",
    basename: "DB",
    release: "r000001",
    reason: "publish",
  });
  expect(Date.parse(manifest["lastUpdated"] as string)).not.toBeNaN();
  const record = JSON.parse(readFileSync(join(folder, ".lockkeeper/records/r000001.json"), "utf8")) as Record<string, unknown>;
  expect(record["files"]).toEqual([
    { path: "DB_a.duckdb", bytes: statSync(join(folder, "DB_a.duckdb")).size, sha256: sha256Of(join(folder, "DB_a.duckdb")) },
  ]);
  expect(manifest["record"]).toEqual({
    path: ".lockkeeper/records/r000001.json",
    sha256: sha256Of(join(folder, ".lockkeeper/records/r000001.json")),
  });
  expect(statSync(join(folder, ".lockkeeper/pins/r000001.pin")).mode & 0o777).toBe(0o644);
  expect(historyOf(folder)).toMatchObject([
    { id: 1, type: "release.switched", release: "r000001", version: 1, reason: "publish", commit: manifest["commit"] },
  ]);
  expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
});

test("the next one goes to the inactive slot and leaves the active file as it is", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(3));
  const active = join(folder, "DB_a.duckdb");
  const [inode, sha256] = [statSync(active).ino, sha256Of(active)];
  const result = await publish(store, rowsBuild(4));
  expect(result).toMatchObject({
    outcome: "switched",
    release: "r000002",
    version: 2,
    previous: { release: "r000001", version: 1 },
  });
  expect(manifestOf(folder)).toMatchObject({
    active: "b",
    version: 2,
    previous: { active: "a", version: 1, release: "r000001" },
  });
  expect([statSync(active).ino, sha256Of(active)]).toEqual([inode, sha256]);
  expect(await valueIn(join(folder, "DB_b.duckdb"), "SELECT count(*) FROM t")).toBe("4");
});

test("records and pins of releases that are neither active nor previous go", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  for (const rows of [1, 2, 3, 4]) await publish(store, rowsBuild(rows));
  expect(readdirSync(join(folder, ".lockkeeper/records"))).toEqual(["r000003.json", "r000004.json"]);
  expect(readdirSync(join(folder, ".lockkeeper/pins"))).toEqual(["r000003.pin", "r000004.pin"]);
  expect(readdirSync(join(folder, ".lockkeeper/trash"))).toEqual([]);
});

test("a failed build changes nothing: the manifest is the same byte for byte, and the end of its output is kept", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(3));
  const [manifest, sha256] = [manifestBytes(folder), sha256Of(join(folder, "DB_a.duckdb"))];
  await expect(
    publish(store, command(`console.log("half way"); console.error("no more input"); process.exit(7)`)),
  ).rejects.toMatchObject({
    code: "BUILD_FAILED",
    exit: 1,
    message: expect.stringMatching(/exited with code 7.*no more input/),
  });
  expect(manifestBytes(folder)).toBe(manifest);
  expect(sha256Of(join(folder, "DB_a.duckdb"))).toBe(sha256);
  expect(existsSync(join(folder, "DB_b.duckdb"))).toBe(false);
  expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
  const [kept = ""] = readdirSync(join(folder, ".lockkeeper/quarantine"));
  expect(readFileSync(join(folder, ".lockkeeper/quarantine", kept, "build.log"), "utf8")).toMatch(/half way\n/);
  expect(historyOf(folder).at(-1)).toMatchObject({ type: "build.failed", build: kept });
});

test("a build refused by a check changes nothing for readers and is kept, with its data and the reasons", async () => {
  const folder = temporaryFolder();
  await publish(storeIn(folder), rowsBuild(3));
  const manifest = manifestBytes(folder);
  const store = storeIn(folder, {
    checks: [
      { check: "tables", severity: "error", names: ["t", "missing"] },
      { check: "rows", severity: "error", table: "t", min: 10, max: 20 },
      { check: "rows", name: "soft", severity: "warn", table: "t", max: 1 },
    ],
  });
  const result = await publish(store, rowsBuild(4));
  expect(result.outcome).toBe("refused");
  expect(result.release).toBeUndefined();
  expect(result.checks.filter((check) => check.status === "fail")).toMatchObject([
    { name: "tables", table: "missing", observed: "t", expected: "t, missing" },
    { name: "rows_t", table: "t", observed: "4", expected: "10 to 20", message: "t has 4 rows; expected 10 to 20" },
    { name: "soft", severity: "warn" },
  ]);
  expect(manifestBytes(folder)).toBe(manifest);
  const kept = result.quarantine ?? "";
  expect(readdirSync(kept).toSorted()).toEqual(["DB.duckdb", "build.log", "lock", "report.json"]);
  expect(await valueIn(join(kept, "DB.duckdb"), "SELECT count(*) FROM t")).toBe("4");
  expect(historyOf(folder).at(-1)).toMatchObject({ type: "release.refused", build: result.build });
});

test("a check of severity warn only reports", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder, { checks: [{ check: "rows", severity: "warn", table: "t", min: 10 }] });
  const result = await publish(store, rowsBuild(4));
  expect(result.outcome).toBe("switched");
  expect(result.checks.at(-1)).toMatchObject({ status: "fail", severity: "warn" });
});

test("the newest refused and failed builds are kept, by count", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder, { checks: [{ check: "rows", severity: "error", table: "t", min: 10 }], quarantineKeep: 2 });
  const kept: string[] = [];
  for (const rows of [1, 2, 3]) kept.push((await publish(store, rowsBuild(rows))).build ?? "");
  await publish(store, rowsBuild(10));
  expect(readdirSync(join(folder, ".lockkeeper/quarantine")).toSorted()).toEqual(kept.slice(1).toSorted());
});

test("a damaged file and a view that names a folder or catalogue readers do not have are refused", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  const damaged = await publish(store, {
    kind: "function",
    build: async ({ path }) => writeFileSync(path, "this is not a database, only text of some length\n".repeat(400)),
  });
  expect(damaged).toMatchObject({ outcome: "refused", checks: [{ check: "opens", status: "fail" }] });
  const absolute: BuildSource = {
    kind: "function",
    async build({ path, dir }) {
      await writeDatabase(path, `COPY (SELECT 1 AS x) TO '${dir}/part.parquet'`, `CREATE VIEW v AS FROM '${dir}/part.parquet'`);
      // What a view over a file of the build folder comes to once the folder is gone.
      const { rmSync } = await import("node:fs");
      rmSync(join(dir, "part.parquet"));
    },
  };
  const broken = await publish(store, absolute);
  expect(broken.outcome).toBe("refused");
  expect(broken.checks).toContainEqual(expect.objectContaining({ check: "views", status: "fail", table: "main.v" }));
});

test("FACTS 2.7: a view that names the catalogue it was built under still binds, for the name stays", async () => {
  const folder = temporaryFolder();
  const result = await publish(storeIn(folder), rowsBuild(2, `CREATE VIEW v AS SELECT * FROM "DB"."main"."t"`));
  expect(result.outcome).toBe("switched");
});

test("a build that writes nothing, an empty file or a folder is told so", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await expect(publish(store, command(""))).rejects.toMatchObject({
    code: "BUILD_EMPTY",
    hint: expect.stringContaining("LOCKKEEPER_BUILD_PATH"),
  });
  await expect(publish(store, { kind: "function", build: async ({ path }) => writeFileSync(path, "") })).rejects.toMatchObject({
    code: "BUILD_EMPTY",
  });
  await expect(publish(store, { kind: "function", build: async ({ path }) => mkdirSync(path) })).rejects.toMatchObject({
    code: "BUILD_EMPTY",
  });
});

test("a build that something still writes to fails", async () => {
  const folder = temporaryFolder();
  let writer: ReturnType<typeof startScript> | undefined;
  const source: BuildSource = {
    kind: "function",
    async build({ path }) {
      writer = startScript(`
        import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
        const instance = await DuckDBInstance.create(${JSON.stringify(path)});
        const connection = await instance.connect();
        await connection.run("CREATE TABLE t (n INTEGER)");
        await connection.run("CHECKPOINT");
        console.log("inside");
        process.stdin.resume();
      `);
      await writer.line("inside");
    },
  };
  await expect(publish(storeIn(folder), source)).rejects.toMatchObject({ code: "BUILD_UNFINISHED", exit: 1 });
  writer?.process.kill("SIGKILL");
});

test("FACTS 2.6: a write-ahead log that a killed writer left is folded in, and none lies beside the release", async () => {
  const folder = temporaryFolder();
  const script = `
    const { DuckDBInstance } = require("@duckdb/node-api");
    (async () => {
      const instance = await DuckDBInstance.create(process.env.DUCKDB_PATH);
      const connection = await instance.connect();
      await connection.run("CREATE TABLE t AS SELECT 1 AS n");
      await connection.run("CHECKPOINT");
      await connection.run("INSERT INTO t VALUES (2), (3)");
      process.reallyExit(0);
    })();`;
  const result = await publish(storeIn(folder), command(script));
  expect(result.tables).toEqual([{ schema: "main", name: "t", rows: 3 }]);
  expect(readdirSync(folder).filter((name) => name.endsWith(".wal"))).toEqual([]);
});

test("FACTS 2.6: a log left beside the inactive slot is moved away before the install", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  writeFileSync(join(folder, "DB_b.duckdb.wal"), "left by a foreign writer");
  await publish(store, rowsBuild(2));
  expect(existsSync(join(folder, "DB_b.duckdb.wal"))).toBe(false);
  expect(await valueIn(join(folder, "DB_b.duckdb"), "SELECT count(*) FROM t")).toBe("2");
});

test("the build command finds its way by environment and tells by messages", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(5));
  const events: ProgressEvent[] = [];
  const script = `
    const fs = require("node:fs");
    const { DuckDBInstance } = require("@duckdb/node-api");
    const env = process.env;
    fs.appendFileSync(env.LOCKKEEPER_MESSAGES, JSON.stringify({ type: "progress", text: "half", fraction: 0.5 }) + "\\nnot json\\n");
    (async () => {
      const instance = await DuckDBInstance.create(env.LOCKKEEPER_BUILD_PATH);
      const connection = await instance.connect();
      await connection.run("ATTACH '" + env.LOCKKEEPER_BASE_PATH + "' AS base (READ_ONLY)");
      await connection.run("CREATE TABLE t AS SELECT n FROM base.t UNION ALL SELECT " + env.LOCKKEEPER_BASE_VERSION);
      await connection.run("CREATE TABLE env AS SELECT '" + [env.DUCKDB_PATH === env.LOCKKEEPER_BUILD_PATH, env.LOCKKEEPER_STORE].join(" ") + "' AS v");
      connection.closeSync();
      instance.closeSync();
      console.log("built");
    })();`;
  const result = await publish(store, command(script), { onProgress: (event) => void events.push(event) });
  expect(result.tables).toContainEqual({ schema: "main", name: "t", rows: 6 });
  expect(await valueIn(join(folder, "DB_b.duckdb"), "SELECT v FROM env")).toBe("true holdings");
  expect(events).toContainEqual({ kind: "message", message: { type: "progress", text: "half", fraction: 0.5 } });
  expect(events.flatMap((event) => (event.kind === "output" ? event.chunk.toString() : [])).join("")).toBe("built\n");
  expect(events.flatMap((event) => (event.kind === "phase" ? event.phase : []))).toEqual([
    "begin",
    "build",
    "seal",
    "check",
    "install",
    "switch",
    "done",
  ]);
});

test("a command that cannot be started, one that runs too long, and a function that throws", async () => {
  const store = storeIn(temporaryFolder());
  await expect(publish(store, { kind: "command", argv: ["no-such-program-here"], folder: "/" })).rejects.toMatchObject({
    code: "BUILD_FAILED",
    message: expect.stringContaining("no-such-program-here"),
  });
  await expect(
    publish(store, { ...(command("setInterval(() => {}, 1000)") as Extract<BuildSource, { kind: "command" }>), timeoutMs: 300 }),
  ).rejects.toMatchObject({ code: "BUILD_TIMEOUT" });
  await expect(
    publish(store, { kind: "function", build: async () => Promise.reject(new Error("no input")) }),
  ).rejects.toMatchObject({ code: "BUILD_FAILED", message: expect.stringContaining("no input") });
});

test("an abort during the build stops it, leaves nothing behind and changes nothing", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const manifest = manifestBytes(folder);
  for (const source of [command(`console.log("on"); setInterval(() => {}, 1000)`), waitingBuild()]) {
    const stop = new AbortController();
    const onProgress = (event: ProgressEvent) => {
      if (event.kind === "output" || event.kind === "message") stop.abort();
    };
    await expect(publish(store, source, { signal: stop.signal, onProgress })).rejects.toMatchObject({
      code: "INTERRUPTED",
      exit: 130,
    });
  }
  expect(manifestBytes(folder)).toBe(manifest);
  expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
  expect(readdirSync(join(folder, ".lockkeeper/quarantine"))).toEqual([]);
  expect((await publish(store, rowsBuild(2))).outcome).toBe("switched");
});

function waitingBuild(): BuildSource {
  return {
    kind: "function",
    build: ({ signal, message }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
        message({ type: "log", text: "on" });
      }),
  };
}

test("a DuckDB writer inside the inactive slot refuses the install, and the checked build is not lost", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  const writer = startScript(`
    import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
    globalThis.instance = await DuckDBInstance.create(${JSON.stringify(join(folder, "DB_a.duckdb"))});
    console.log("inside");
    process.stdin.resume();
  `);
  await writer.line("inside");
  const manifest = manifestBytes(folder);
  await expect(publish(store, rowsBuild(3))).rejects.toMatchObject({ code: "SLOT_BUSY", exit: 11 });
  expect(manifestBytes(folder)).toBe(manifest);
  const [kept = ""] = readdirSync(join(folder, ".lockkeeper/quarantine"));
  expect(existsSync(join(folder, ".lockkeeper/quarantine", kept, "DB.duckdb"))).toBe(true);
  writer.process.kill("SIGKILL");
  await writer.ended;
  expect((await publish(store, rowsBuild(4))).release).toBe("r000003");
});

test("a slot keeps the mode of the file it replaces, so that a foreign writer can open it", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  for (const rows of [1, 2]) await publish(store, rowsBuild(rows));
  expect(statSync(join(folder, "DB_a.duckdb")).mode & 0o777).toBe(0o644);
  chmodSync(join(folder, "DB_a.duckdb"), 0o664);
  await publish(store, rowsBuild(3));
  expect(statSync(join(folder, "DB_a.duckdb")).mode & 0o777).toBe(0o664);
});

test("a dry run plans and touches nothing", async () => {
  const folder = join(temporaryFolder(), "store");
  const store = storeIn(folder);
  const first = await publish(store, rowsBuild(1), { dryRun: true });
  expect(first).toMatchObject({
    outcome: "planned",
    plan: { target: join(folder, "DB_a.duckdb"), steps: expect.arrayContaining([expect.objectContaining({ action: "switch" })]) },
  });
  expect(existsSync(folder)).toBe(false);
  await publish(store, rowsBuild(1));
  const manifest = manifestBytes(folder);
  expect(await publish(store, rowsBuild(1), { dryRun: true })).toMatchObject({
    plan: { base: { release: "r000001", version: 1 }, target: join(folder, "DB_b.duckdb") },
  });
  expect(manifestBytes(folder)).toBe(manifest);
});

test("slot files that nothing speaks of are never overwritten", async () => {
  const folder = temporaryFolder();
  await writeDatabase(join(folder, "DB_a.duckdb"), "CREATE TABLE precious AS SELECT 1 AS n");
  const sha256 = sha256Of(join(folder, "DB_a.duckdb"));
  await expect(publish(storeIn(folder), rowsBuild(1))).rejects.toMatchObject({
    code: "SLOT_UNKNOWN",
    exit: 12,
    hint: expect.stringContaining("adopt holdings --slot a"),
  });
  expect(sha256Of(join(folder, "DB_a.duckdb"))).toBe(sha256);
});

test("not enough free space is told before the build starts", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const full = { ...store, platform: { ...store.platform, disk: { ...store.platform.disk, freeBytes: async () => 10 } } };
  await expect(publish(full, rowsBuild(1))).rejects.toMatchObject({ code: "DISK_FULL", exit: 15 });
});

test("a network file system is refused", async () => {
  const store = storeIn(temporaryFolder());
  const remote = {
    ...store,
    platform: { ...store.platform, disk: { ...store.platform.disk, kind: async () => ({ name: "nfs", network: true }) } },
  };
  await expect(publish(remote, rowsBuild(1))).rejects.toMatchObject({ code: "FILE_SYSTEM_UNSUPPORTED", exit: 14 });
});

test("the build's own process may leave its instance of another file open", async () => {
  const folder = temporaryFolder();
  const other = await DuckDBInstance.create(join(folder, "other.duckdb"));
  expect((await publish(storeIn(join(folder, "store")), rowsBuild(1))).outcome).toBe("switched");
  other.closeSync();
});
