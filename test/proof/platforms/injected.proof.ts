import { existsSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { duckdbEngine } from "../../../src/engine/duckdb/engine.ts";
import { sqliteEngine } from "../../../src/engine/sqlite/engine.ts";
import { renameWaitMs } from "../../../src/platform/files.ts";
import { acquireLock } from "../../../src/platform/lock.ts";
import { nodePlatform } from "../../../src/platform/node.ts";
import type { Platform } from "../../../src/platform/port.ts";
import { checkRelease } from "../../../src/release/check.ts";
import { openReleaseStore } from "../../../src/release/open.ts";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { storeStatus } from "../../../src/release/status.ts";
import type { BuildSource, ReleaseStore } from "../../../src/release/store.ts";
import { etl } from "../../cli/support/cli.ts";
import { storeAtTwo } from "../locks/support.ts";
import { proofLedger } from "../ledger.ts";
import { manifestBytes, manifestOf, rowsBuild, sha256Of, startOperation, storeIn, writeDatabase } from "../../support/store.ts";
import { stoppedAt, stoppingAt } from "../signals/stopped.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { windowsPlatform, type Busy } from "./windows.ts";

const ledger = proofLedger("platforms", "1-injected");

function storeOn(platform: Platform, folder: string, options: { readonly checks?: ReleaseStore["checks"] } = {}): ReleaseStore {
  const settings = { name: "holdings", dir: folder, layout: "slots", basename: "DB", ...options } as const;
  return openReleaseStore(settings, { platform, engine: duckdbEngine(platform), sqlite: sqliteEngine(platform) });
}

/** A file that is in use for the first `times` renames onto it. */
const inUse = (path: string, code: string, times: number): Busy => {
  let left = times;
  return (operation, target) => (operation === "rename" && target === path && left-- > 0 ? code : undefined);
};

const transient = ["EPERM", "EBUSY", "EACCES"] as const;

describe("Windows: a file in use cannot be replaced", () => {
  test("for a while: publish and rollback try again and succeed", async () => {
    for (const code of transient) {
      for (const file of ["DB_a.duckdb", "db_manifest.json"]) {
        const folder = await storeAtTwo();
        const windows = windowsPlatform(inUse(join(folder, file), code, 3));
        expect(await publish(storeOn(windows.platform, folder), rowsBuild(3))).toMatchObject({ outcome: "switched", version: 3 });
        expect(windows.renames.filter((target) => target === join(folder, file))).toHaveLength(4);
        expect(await rollback(storeOn(windows.platform, folder))).toMatchObject({ outcome: "switched", release: "r000002" });
      }
    }
    ledger.add({
      operation: "Windows: publish, then rollback",
      fault: "slot or manifest in use for a while (EPERM, EBUSY, EACCES)",
      outcome: "the rename is tried again and succeeds",
      count: transient.length * 2,
    });
  });

  test("for ever: SLOT_BUSY after 10 s, nothing changed, the build kept in quarantine", async () => {
    for (const file of ["DB_a.duckdb", "db_manifest.json"]) {
      const folder = await storeAtTwo();
      const [manifest, active, inactive] = [
        manifestBytes(folder),
        sha256Of(join(folder, "DB_b.duckdb")),
        sha256Of(join(folder, "DB_a.duckdb")),
      ];
      const windows = windowsPlatform(inUse(join(folder, file), "EBUSY", Infinity));
      const before = windows.waitedMs();
      await expect(publish(storeOn(windows.platform, folder), rowsBuild(3))).rejects.toMatchObject({
        code: "SLOT_BUSY",
        exit: 11,
        subject: join(folder, file),
        hint: expect.stringContaining("Nothing was changed") as string,
      });
      expect(windows.waitedMs() - before).toBeGreaterThanOrEqual(renameWaitMs - 1000);
      expect(manifestBytes(folder)).toBe(manifest);
      expect(sha256Of(join(folder, "DB_b.duckdb"))).toBe(active);
      expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
      expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
      if (file === "DB_a.duckdb") {
        expect(sha256Of(join(folder, file))).toBe(inactive);
        const [build = ""] = readdirSync(join(folder, ".lockkeeper/quarantine"));
        expect(readdirSync(join(folder, ".lockkeeper/quarantine", build))).toContain("DB.duckdb");
      }
      expect(await publish(storeIn(folder), rowsBuild(4))).toMatchObject({ outcome: "switched", version: 3 });
    }
    ledger.add({
      operation: "Windows: publish",
      fault: "slot or manifest in use for ever",
      outcome:
        "SLOT_BUSY after 10 s; manifest and active file byte for byte the same; a build that could not be installed is kept",
      count: 2,
    });
  });

  test("any other error is not tried again", async () => {
    const folder = await storeAtTwo();
    const path = join(folder, "DB_a.duckdb");
    for (const code of ["EIO", "EXDEV", "ENOSPC"]) {
      const windows = windowsPlatform(inUse(path, code, Infinity));
      await expect(publish(storeOn(windows.platform, folder), rowsBuild(3))).rejects.toMatchObject({
        exit: code === "ENOSPC" ? 15 : 1,
      });
      expect(windows.renames.filter((target) => target === path)).toHaveLength(1);
    }
    ledger.add({
      operation: "Windows: publish",
      fault: "rename fails with EIO, EXDEV or ENOSPC",
      outcome: "an error at once; not tried again, not answered with a copy",
      count: 3,
    });
  });

  test("what we have open ourselves is let go of: five publishes, a refusal, and the commands between", async () => {
    const folder = temporaryFolder();
    const windows = windowsPlatform();
    const store = storeOn(windows.platform, folder);
    for (const version of [1, 2, 3, 4, 5])
      expect(await publish(store, rowsBuild(version))).toMatchObject({ outcome: "switched", version });
    const strict = storeOn(windows.platform, folder, { checks: [{ check: "tables", severity: "error", names: ["missing"] }] });
    const refused = await publish(strict, rowsBuild(6));
    expect(refused.outcome).toBe("refused");
    expect(readdirSync(refused.quarantine ?? "")).toEqual(expect.arrayContaining(["DB.duckdb", "report.json"]));
    expect(await rollback(store)).toMatchObject({ release: "r000004" });
    const { checks } = await checkRelease(store);
    expect(checks.filter((check) => check.status !== "pass")).toEqual([]);
    expect(windows.waitedMs()).toBeLessThan(renameWaitMs);
    expect(windows.foldersSynced()).toBeGreaterThan(0);
    ledger.add({
      operation: "Windows: five publishes, a refused one, a rollback",
      fault: "no file that is open, ours included, can be replaced or its folder moved; folders cannot be synced",
      outcome: "all succeed; the refused build is kept",
      count: 7,
    });
  });

  test("what prune and trash cannot delete stays, with a warning; the publish is out", async () => {
    const folder = await storeAtTwo();
    const windows = windowsPlatform((operation, path) =>
      (operation === "remove" && /trash|\.pin$/.test(path)) || (operation === "rename" && path.includes("trash"))
        ? "EBUSY"
        : undefined,
    );
    const warnings: string[] = [];
    const onProgress = (event: { readonly kind: string; readonly detail?: unknown }) => {
      if (event.kind === "warning") warnings.push(String(event.detail));
    };
    expect(await publish(storeOn(windows.platform, folder), rowsBuild(3), { onProgress })).toMatchObject({
      outcome: "switched",
      version: 3,
    });
    // What is no longer needed, and the folder of the build.
    const unremoved = expect.stringContaining("could not be removed") as string;
    expect(warnings).toEqual([unremoved, unremoved]);
    expect(await publish(storeIn(folder), rowsBuild(4))).toMatchObject({ outcome: "switched", version: 4 });
    expect(existsSync(join(folder, ".lockkeeper/pins/r000001.pin"))).toBe(false);
    ledger.add({
      operation: "Windows: prune after a publish",
      fault: "what is to go is in use (EBUSY)",
      outcome: "a warning, never a failure; the next publish removes it",
      count: 1,
    });
  });
});

test("Windows: no lock is inherited: a build command runs all the same", async () => {
  const folder = temporaryFolder();
  const store = storeOn(windowsPlatform().platform, folder);
  const [program = "", ...words] = etl("3");
  const source: BuildSource = { kind: "command", argv: [program, ...words], folder };
  expect(await publish(store, source)).toMatchObject({ outcome: "switched", version: 1 });
  ledger.add({
    operation: "Windows: publish with a build command",
    fault: "locks cannot be inherited; modes and owners mean nothing",
    outcome: "the build runs; the lock is the publisher's alone",
    count: 1,
  });
});

test("macOS and Windows: no list of kernel locks, no boot id: status tells who holds a lock, by a shared probe that takes nothing", async () => {
  const folder = await storeAtTwo();
  const { platform } = windowsPlatform();
  const store = storeOn(platform, folder);
  expect((await storeStatus(store)).lock).toBeUndefined();
  const holder = startOperation(folder, "return rollback(store);", stoppingAt("rollback.verified"));
  await stoppedAt(holder, "rollback.verified");
  expect(await storeStatus(store)).toMatchObject({ lock: { lock: "writer", held: true, pid: holder.pid } });
  holder.process.kill("SIGKILL");
  await holder.ended;
  expect(await storeStatus(store)).toMatchObject({ lock: { lock: "writer", held: false, pid: holder.pid } });
  const lock = await acquireLock(platform, {
    path: store.paths.writerLock,
    code: "WRITER_LOCKED",
    what: "it",
    purpose: "prove",
    waitMs: 0,
  });
  expect(lock.lastHolderDied).toMatchObject({ pid: holder.pid });
  await lock.release();
  ledger.add({
    operation: "macOS, Windows: status",
    fault: "the kernel lists no locks and tells no boot id",
    outcome: "a shared probe tells; nothing is taken",
    count: 3,
  });
});

describe("names", () => {
  const nfc = "caf\u00e9";
  const nfd = "cafe\u0301";
  test.each([nfc, nfd, "Data Mart's \u{1f6a2}"])("a store's folder named %j publishes and rolls back", async (name) => {
    const folder = join(temporaryFolder(), name);
    const store = storeIn(folder);
    for (const rows of [1, 2]) expect(await publish(store, rowsBuild(rows))).toMatchObject({ outcome: "switched" });
    expect(await rollback(store)).toMatchObject({ release: "r000001" });
    expect(manifestOf(folder)["version"]).toBe(3);
  });

  test("the composed and the decomposed name of one folder (macOS) are one store, with one lock", async () => {
    const root = temporaryFolder();
    await publish(storeIn(join(root, nfc)), rowsBuild(1));
    // What macOS does by itself: both spellings lead to one folder.
    symlinkSync(join(root, nfc), join(root, nfd));
    const [composed, decomposed] = [storeIn(join(root, nfc)), storeIn(join(root, nfd))];
    const request = { code: "WRITER_LOCKED", what: "it", purpose: "prove", waitMs: 0 } as const;
    const lock = await acquireLock(nodePlatform(), { ...request, path: composed.paths.writerLock });
    await expect(rollback(decomposed)).rejects.toMatchObject({ code: "WRITER_LOCKED" });
    await lock.release();
    expect(await publish(decomposed, rowsBuild(2))).toMatchObject({ outcome: "switched", version: 2 });
    ledger.add({
      operation: "macOS: store in a folder of accented, decomposed or other Unicode names",
      fault: "both spellings lead to one folder",
      outcome: "one store, one lock; publish and rollback work",
      count: 4,
    });
  });

  test("slots that differ in case only are never taken for ours", async () => {
    const folder = temporaryFolder();
    await writeDatabase(join(folder, "DB_A.duckdb"), "CREATE TABLE t AS SELECT 1 AS n");
    const store = storeIn(folder);
    expect(await publish(store, rowsBuild(1))).toMatchObject({ outcome: "switched" });
    expect(sha256Of(join(folder, "DB_A.duckdb"))).not.toBe(sha256Of(join(folder, "DB_a.duckdb")));
    ledger.add({
      operation: "publish",
      fault: "a file `DB_A.duckdb` lies beside the slots",
      outcome: "on a file system that tells case apart it is left alone",
      count: 1,
    });
  });
});
