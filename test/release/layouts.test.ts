import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { LayoutKind } from "../../src/model/layout.ts";
import { adopt } from "../../src/release/adopt.ts";
import { checkRelease } from "../../src/release/check.ts";
import { releasePath } from "../../src/release/path.ts";
import { pruneReleases } from "../../src/release/prune.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { storeStatus } from "../../src/release/status.ts";
import { readerOn, until } from "../reader/support/real-reader.ts";
import { historyOf, manifestBytes, manifestOf, rowsBuild, startOperation, storeIn, valueIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** What every layout must do. What only one does is in tests of its own. */
describe.each<LayoutKind>(["slots", "releases"])("layout %s", (layout) => {
  const open = (folder: string) => storeIn(folder, { layout });
  const rowsOf = async (folder: string) => {
    const { files } = await releasePath(open(folder));
    return Number(await valueIn(files[0] ?? "", "SELECT count(*)::INT FROM t"));
  };

  test("publishes follow each other: manifest, record, pin and history tell of one release, whose file is what was built", async () => {
    const folder = temporaryFolder();
    const store = open(folder);
    for (const rows of [1, 2, 3]) {
      const result = await publish(store, rowsBuild(rows));
      expect(result).toMatchObject({ outcome: "switched", release: `r00000${rows}`, version: rows });
      expect(await rowsOf(folder)).toBe(rows);
    }
    const manifest = manifestOf(folder);
    expect(manifest).toMatchObject({ release: "r000003", version: 3, layout, previous: { release: "r000002", version: 2 } });
    const record = (manifest["record"] as { path: string }).path;
    expect(existsSync(join(folder, record))).toBe(true);
    expect(existsSync(join(folder, ".lockkeeper/pins/r000003.pin"))).toBe(true);
    expect(historyOf(folder).map(({ release }) => release)).toEqual(["r000001", "r000002", "r000003"]);
    expect(await storeStatus(store)).toMatchObject({ status: "pass", detail: [] });
    const { checks } = await checkRelease(store);
    expect(checks.filter(({ status }) => status !== "pass")).toEqual([]);
  });

  test("a build that fails or is refused changes nothing", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder, { layout, checks: [{ check: "rows", severity: "error", table: "t", min: 2 }] });
    await publish(store, rowsBuild(5));
    const manifest = manifestBytes(folder);
    expect(await publish(store, rowsBuild(1))).toMatchObject({ outcome: "refused" });
    const failing = () => Promise.reject(new Error("no input today"));
    await expect(publish(store, { kind: "function", build: failing })).rejects.toMatchObject({ code: "BUILD_FAILED" });
    expect(manifestBytes(folder)).toBe(manifest);
    expect(readdirSync(join(folder, ".lockkeeper/quarantine"))).toHaveLength(2);
    expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
    expect(await rowsOf(folder)).toBe(5);
  });

  test("rollback goes to the release that was active before, and back; the next build descends from it", async () => {
    const folder = temporaryFolder();
    const store = open(folder);
    await publish(store, rowsBuild(1));
    await publish(store, rowsBuild(2));
    expect(await rollback(store, { dryRun: true })).toMatchObject({ outcome: "planned", release: "r000001", version: 3 });
    expect(await rollback(store)).toMatchObject({ release: "r000001", version: 3, previous: { release: "r000002", version: 2 } });
    expect(await rowsOf(folder)).toBe(1);
    expect(await rollback(store)).toMatchObject({ release: "r000002", version: 4 });
    await expect(rollback(store, { to: "r000002" })).rejects.toMatchObject({ code: "USAGE" });
    await expect(rollback(store, { to: "r000009" })).rejects.toMatchObject({ code: "RELEASE_UNKNOWN", exit: 10 });
    expect(await publish(store, rowsBuild(3))).toMatchObject({
      release: "r000003",
      version: 5,
      previous: { release: "r000002" },
    });
  });

  test.each([
    "record.synced",
    "pin.synced",
    "install.recorded",
    "install.renamed",
    "switch.written",
    "switch.renamed",
    "prune.done",
  ])("killed at %s: the old release or the new one, whole, for readers and for the next publish", async (failpoint) => {
    const folder = temporaryFolder();
    const store = open(folder);
    await publish(store, rowsBuild(1));
    await publish(store, rowsBuild(2));
    const child = startOperation({ dir: folder, layout }, `return publish(store, rowsBuild(3));`, {
      LOCKKEEPER_FAILPOINTS: `${failpoint}=kill`,
    });
    expect(await child.ended).toMatchObject({ signal: "SIGKILL" });
    const version = ["switch.renamed", "prune.done"].includes(failpoint) ? 3 : 2;
    expect(manifestOf(folder)).toMatchObject({ version });
    expect(await rowsOf(folder)).toBe(version);
    const reader = await readerOn(folder);
    expect((await reader.query("SELECT count(*)::INT FROM t")).rows).toEqual([[version]]);
    const next = await publish(store, rowsBuild(4));
    expect(next).toMatchObject({ outcome: "switched", version: version + 1 });
    // A number that a record or a folder speaks of is never used again.
    expect(Number(next.release?.slice(1))).toBeGreaterThanOrEqual(version + 1);
    expect((await reader.query("SELECT count(*)::INT FROM t")).rows).toEqual([[4]]);
    await reader.close();
    expect(await storeStatus(store)).toMatchObject({ status: "pass" });
  });

  test("a reader follows publishes and rollbacks, each answer of one release, and lets go of what was replaced", async () => {
    const folder = temporaryFolder();
    const store = open(folder);
    await publish(store, rowsBuild(1));
    const reader = await readerOn(folder);
    for (const rows of [2, 3, 4]) {
      await publish(store, rowsBuild(rows));
      const answer = await reader.query("SELECT count(*)::INT FROM t");
      expect([answer.rows, answer.release, answer.version]).toEqual([[[rows]], `r00000${rows}`, rows]);
    }
    await rollback(store);
    expect(await reader.query("SELECT count(*)::INT FROM DB.t")).toMatchObject({ rows: [[3]], release: "r000003", version: 5 });
    expect(reader.status().pinned).toBe(true);
    await until(() => reader.status().generations.length === 1);
    await reader.close();
  });

  test("a second publisher is locked out, and a rollback during a long build works at once", async () => {
    const folder = temporaryFolder();
    const store = open(folder);
    await publish(store, rowsBuild(1));
    await publish(store, rowsBuild(2));
    let finish = () => undefined as void;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const slow = rowsBuild(3);
    let begun = () => undefined as void;
    const building = new Promise<void>((resolve) => (begun = resolve));
    const long = publish(store, {
      kind: "function",
      build: async (context) => {
        begun();
        await gate;
        if (slow.kind === "function") await slow.build(context);
      },
    });
    await building;
    await expect(publish(store, rowsBuild(9))).rejects.toMatchObject({ code: "BUILD_LOCKED", exit: 11 });
    expect(await rollback(store)).toMatchObject({ release: "r000001", version: 3 });
    finish();
    expect(await long).toMatchObject({ outcome: "switched", release: "r000003", version: 4, previous: { release: "r000001" } });
    expect(await rowsOf(folder)).toBe(3);
  });

  test("a file that another program changed is not gone back to", async () => {
    const folder = temporaryFolder();
    const store = open(folder);
    await publish(store, rowsBuild(1));
    const { files } = await releasePath(store);
    await publish(store, rowsBuild(2));
    const child = startOperation(
      { dir: folder, layout },
      `const { chmodSync } = await import("node:fs"); chmodSync(${JSON.stringify(files[0])}, 0o644);
       const instance = await DuckDBInstance.create(${JSON.stringify(files[0])}); const connection = await instance.connect();
       await connection.run("INSERT INTO t VALUES (77)"); await connection.run("CHECKPOINT"); connection.closeSync(); instance.closeSync();`,
    );
    await child.line("result ");
    await expect(rollback(store)).rejects.toMatchObject({ code: "RELEASE_UNKNOWN" });
    expect(await rowsOf(folder)).toBe(2);
  });

  test("a deleted manifest stops publish and rollback; adopt brings the release back", async () => {
    const folder = temporaryFolder();
    const store = open(folder);
    await publish(store, rowsBuild(1));
    const active = String(manifestOf(folder)["active"]);
    const { rmSync } = await import("node:fs");
    rmSync(join(folder, "db_manifest.json"));
    await expect(publish(store, rowsBuild(2))).rejects.toMatchObject({ code: "MANIFEST_GONE", exit: 12 });
    await expect(rollback(store)).rejects.toMatchObject({ code: "MANIFEST_GONE" });
    await expect(adopt(store)).rejects.toMatchObject({ code: "NO_RELEASE" });
    const how = layout === "slots" ? ({ slot: "a" } as const) : { release: active };
    expect(await adopt(store, how)).toMatchObject({ outcome: "switched", version: 2 });
    expect(await rowsOf(folder)).toBe(1);
    expect(await publish(store, rowsBuild(2))).toMatchObject({ outcome: "switched", version: 3 });
  });

  test("prune tells what it keeps and why, and a dry run removes nothing", async () => {
    const folder = temporaryFolder();
    const store = open(folder);
    await publish(store, rowsBuild(1));
    await publish(store, rowsBuild(2));
    const expected = {
      removed: [],
      kept: [
        { release: "r000001", reason: "active before: what a rollback goes to" },
        { release: "r000002", reason: "active" },
      ],
    };
    expect(await pruneReleases(store, { dryRun: true })).toEqual({ store: "holdings", outcome: "planned", ...expected });
    expect(await pruneReleases(store)).toEqual({ store: "holdings", outcome: "pruned", ...expected });
    expect(statSync(join(folder, ".lockkeeper/trash")).isDirectory()).toBe(true);
  });
});
