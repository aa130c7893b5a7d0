import { appendFileSync, chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import type { Platform } from "../../src/platform/port.ts";
import { checkRelease } from "../../src/release/check.ts";
import { listReleases, showRelease } from "../../src/release/list.ts";
import { pinRelease, unpinRelease } from "../../src/release/marks.ts";
import { pruneReleases } from "../../src/release/prune.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import type { ReleaseStore } from "../../src/release/store.ts";
import { readerOn } from "../reader/support/real-reader.ts";
import { manifestOf, rowsBuild, startOperation, storeIn, valueIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const hourMs = 3_600_000;

interface Keeping {
  readonly keep?: number;
  readonly withinMs?: number;
}

const storeKeeping = (folder: string, retention: Keeping = {}) => storeIn(folder, { layout: "releases", retention });

/** The same store with a clock that stands at a time of the test's choosing. */
function at(store: ReleaseStore, time: Date): ReleaseStore {
  const platform: Platform = { ...store.platform, clock: { ...store.platform.clock, now: () => time } };
  return { ...store, platform };
}

async function publishMany(store: ReleaseStore, count: number): Promise<void> {
  for (let rows = 1; rows <= count; rows++) await publish(store, rowsBuild(rows));
}

const foldersIn = (folder: string) => readdirSync(join(folder, "releases"));

test("the newest are kept, each in a folder of its own, read-only; what goes takes its pin along", async () => {
  const folder = temporaryFolder();
  await publishMany(storeKeeping(folder, { keep: 3 }), 5);
  expect(foldersIn(folder)).toEqual(["r000003", "r000004", "r000005"]);
  expect(readdirSync(join(folder, "releases/r000005")).toSorted()).toEqual(["DB.duckdb", "release.json"]);
  for (const name of ["DB.duckdb", "release.json"]) {
    expect(statSync(join(folder, "releases/r000005", name)).mode & 0o777).toBe(0o444);
  }
  expect(readdirSync(join(folder, ".lockkeeper/pins"))).toEqual(["r000003.pin", "r000004.pin", "r000005.pin"]);
  expect(readdirSync(join(folder, ".lockkeeper/trash"))).toEqual([]);
  expect(readdirSync(folder).filter((name) => name.endsWith(".duckdb"))).toEqual([]);
  expect(manifestOf(folder)).toMatchObject({
    active: "r000005",
    layout: "releases",
    record: { path: "releases/r000005/release.json" },
  });
});

test("five are kept where nothing is said, and the active one and the one before it always", async () => {
  const folder = temporaryFolder();
  await publishMany(storeKeeping(folder), 7);
  expect(foldersIn(folder)).toEqual(["r000003", "r000004", "r000005", "r000006", "r000007"]);
  await rollback(storeKeeping(folder), { to: "r000003" });
  const { kept, removed } = await pruneReleases(storeKeeping(folder, { keep: 1 }));
  expect(kept).toEqual([
    { release: "r000003", reason: "active" },
    { release: "r000007", reason: "active before: what a rollback goes to" },
  ]);
  expect(removed.map(({ release, reason }) => [release, reason])).toEqual(
    ["r000004", "r000005", "r000006"].map((release) => [release, "beyond the newest 1"]),
  );
  expect(removed.every(({ bytes }) => bytes > 0)).toBe(true);
  expect(foldersIn(folder)).toEqual(["r000003", "r000007"]);
});

test("younger ones than `within` are kept, too, and what bears a date in the future", async () => {
  const folder = temporaryFolder();
  const store = storeKeeping(folder, { keep: 1, withinMs: hourMs });
  const now = Date.now();
  const times = [now - 3 * hourMs, now - hourMs / 2, now + 24 * hourMs, now, now];
  for (const [index, time] of times.entries()) {
    await publish(at(storeKeeping(folder, { keep: 100 }), new Date(time)), rowsBuild(index + 1));
  }
  expect(await pruneReleases(at(store, new Date(now + 1)))).toMatchObject({
    removed: [{ release: "r000001", reason: "beyond the newest 1, and older than 1h" }],
    kept: [
      { release: "r000002", reason: "younger than 1h" },
      { release: "r000003", reason: "its date lies in the future" },
      { release: "r000004", reason: "active before: what a rollback goes to" },
      { release: "r000005", reason: "active" },
    ],
  });
});

test("a release that a reader has open stays until the reader lets go; then it goes", async () => {
  const folder = temporaryFolder();
  const store = storeKeeping(folder, { keep: 1 });
  await publish(store, rowsBuild(1));
  // On a slow machine the look that nobody asks for would open one of the releases in between, and hold it.
  const reader = await readerOn(folder, { drainTimeoutMs: 60_000, pollMs: hourMs });
  let letGo = () => undefined as void;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  let answered = () => undefined as void;
  const first = new Promise<void>((resolve) => (answered = resolve));
  const borrowed = reader.borrow(async (release) => {
    expect((await release.query("SELECT count(*)::INT FROM t")).rows).toEqual([[1]]);
    answered();
    await gate;
    return (await release.query("SELECT count(*)::INT FROM t")).rows;
  });
  await first;
  for (const rows of [2, 3, 4]) await publish(store, rowsBuild(rows));
  expect((await reader.query("SELECT count(*)::INT FROM t")).rows).toEqual([[4]]);
  expect(foldersIn(folder)).toEqual(["r000001", "r000003", "r000004"]);
  expect((await pruneReleases(store)).kept).toContainEqual({ release: "r000001", reason: "a reader has it open" });
  letGo();
  expect(await borrowed).toEqual([[1]]);
  await reader.close();
  expect((await pruneReleases(store)).removed).toMatchObject([{ release: "r000001" }]);
  expect(foldersIn(folder)).toEqual(["r000003", "r000004"]);
});

test("an operator's pin keeps a release until it is taken away or runs out", async () => {
  const folder = temporaryFolder();
  const store = storeKeeping(folder, { keep: 1 });
  await publish(store, rowsBuild(1));
  const until = new Date(Date.now() + hourMs);
  await expect(pinRelease(store, "r000001", { reason: "  " })).rejects.toMatchObject({ code: "USAGE" });
  await expect(pinRelease(store, "r000001", { reason: "x", until: new Date(0) })).rejects.toMatchObject({ code: "USAGE" });
  await expect(pinRelease(store, "r000009", { reason: "x" })).rejects.toMatchObject({ code: "RELEASE_UNKNOWN", exit: 10 });
  await pinRelease(store, "r000001", { reason: "audit of March", until });
  for (const rows of [2, 3, 4]) await publish(store, rowsBuild(rows));
  expect(foldersIn(folder)).toEqual(["r000001", "r000003", "r000004"]);
  expect((await pruneReleases(store)).kept).toContainEqual({ release: "r000001", reason: "pinned: audit of March" });
  expect(await showRelease(store, "r000001")).toMatchObject({ state: "kept", version: 1, pins: [{ reason: "audit of March" }] });
  const { removed } = await pruneReleases(at(store, new Date(until.getTime() + 1)), { dryRun: true });
  expect(removed).toMatchObject([{ release: "r000001" }]);
  // What somebody wanted kept is not removed for a damaged file.
  writeFileSync(join(folder, ".lockkeeper/pins/r000001.json"), "{");
  expect((await pruneReleases(store)).kept).toContainEqual({
    release: "r000001",
    reason: expect.stringContaining("cannot be read"),
  });
  expect(await unpinRelease(store, "r000001")).toBeDefined();
  expect(await unpinRelease(store, "r000001")).toBeUndefined();
  expect((await pruneReleases(store)).removed).toMatchObject([{ release: "r000001" }]);
  expect(readdirSync(join(folder, ".lockkeeper/pins"))).toEqual(["r000003.pin", "r000004.pin"]);
});

test.each(["mark.written", "mark.synced", "mark.renamed", "mark.done"])(
  "killed at %s while a pin is replaced: the old pin or the new one, whole",
  async (failpoint) => {
    const folder = temporaryFolder();
    const store = storeKeeping(folder);
    await publish(store, rowsBuild(1));
    await pinRelease(store, "r000001", { reason: "old" });
    const child = startOperation({ dir: folder, layout: "releases" }, `return pinRelease(store, "r000001", { reason: "new" });`, {
      LOCKKEEPER_FAILPOINTS: `${failpoint}=kill`,
    });
    expect(await child.ended).toMatchObject({ signal: "SIGKILL" });
    const reason = ["mark.renamed", "mark.done"].includes(failpoint) ? "new" : "old";
    expect((await showRelease(store, "r000001")).pins).toMatchObject([{ reason }]);
    await pinRelease(store, "r000001", { reason: "next" });
    expect((await showRelease(store, "r000001")).pins).toMatchObject([{ reason: "next" }]);
    await publish(store, rowsBuild(2));
    expect(readdirSync(join(folder, ".lockkeeper/pins")).toSorted()).toEqual(["r000001.json", "r000001.pin", "r000002.pin"]);
  },
);

test("an operator's pin whose release a killed prune took away goes with the next prune", async () => {
  const folder = temporaryFolder();
  const store = storeKeeping(folder, { keep: 1 });
  await publishMany(store, 3);
  writeFileSync(join(folder, ".lockkeeper/pins/r000001.json"), `{"reason":"x","since":"","until":"2026-01-01T00:00:00Z"}`);
  await pruneReleases(store);
  expect(readdirSync(join(folder, ".lockkeeper/pins"))).toEqual(["r000002.pin", "r000003.pin"]);
});

test("a release whose pin a power cut took away, when its pruning was undone, has one once it is active", async () => {
  const folder = temporaryFolder();
  const store = storeKeeping(folder);
  await publishMany(store, 3);
  rmSync(join(folder, ".lockkeeper/pins/r000001.pin"));
  await rollback(store, { to: "r000001" });
  expect(readdirSync(join(folder, ".lockkeeper/pins"))).toContain("r000001.pin");
});

test("rollback goes back to any kept release, by its id or by switches", async () => {
  const folder = temporaryFolder();
  const store = storeKeeping(folder);
  await publishMany(store, 4);
  expect(await rollback(store, { steps: 2 })).toMatchObject({ release: "r000002", version: 5 });
  // The switches were to 1, 2, 3, 4, 2.
  expect(await rollback(store, { steps: 2 })).toMatchObject({ release: "r000003", version: 6 });
  expect(await rollback(store, { to: "r000001" })).toMatchObject({ release: "r000001", version: 7 });
  await expect(rollback(store, { steps: 6 })).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining("r000001"),
  });
  await expect(rollback(store, { steps: 7 })).rejects.toMatchObject({ code: "RELEASE_UNKNOWN" });
  await expect(rollback(store, { to: "r000077" })).rejects.toMatchObject({
    code: "RELEASE_UNKNOWN",
    message: expect.stringContaining("the newest are r000001, r000002, r000003, r000004"),
  });
  expect(await publish(store, rowsBuild(9))).toMatchObject({ release: "r000005", previous: { release: "r000001" } });
  expect(await showRelease(store, "r000005")).toMatchObject({ parent: "r000001" });
});

test("what a crash installed and never switched to is told as such; `--to` may bring it out, and prune removes it", async () => {
  const folder = temporaryFolder();
  const store = storeKeeping(folder);
  await publishMany(store, 2);
  const crash = () =>
    startOperation({ dir: folder, layout: "releases" }, `return publish(store, rowsBuild(3));`, {
      LOCKKEEPER_FAILPOINTS: "install.done=kill",
    });
  await crash().ended;
  expect((await listReleases(store)).releases).toMatchObject([
    { release: "r000003", state: "never-active" },
    { release: "r000002", state: "active", version: 2 },
    { release: "r000001", state: "kept", version: 1 },
  ]);
  expect(await rollback(store, { to: "r000003" })).toMatchObject({ release: "r000003", version: 3 });
  await crash().ended;
  // Its number must not be given again, so it stays until a higher one is active.
  const { kept, removed } = await pruneReleases(store);
  expect(removed).toEqual([]);
  expect(kept).toContainEqual({
    release: "r000004",
    reason: "a crash kept it from ever being active; it goes with the next release",
  });
  expect(await publish(store, rowsBuild(5))).toMatchObject({ release: "r000005" });
  expect(foldersIn(folder)).toEqual(["r000001", "r000002", "r000003", "r000005"]);
});

test("killed while it prunes: nothing that is kept is touched, and the next prune ends the work", async () => {
  const folder = temporaryFolder();
  await publishMany(storeKeeping(folder, { keep: 10 }), 5);
  const child = startOperation({ dir: folder, layout: "releases", retention: { keep: 2 } }, `return pruneReleases(store);`, {
    LOCKKEEPER_FAILPOINTS: "prune.moved=kill",
  });
  expect(await child.ended).toMatchObject({ signal: "SIGKILL" });
  expect(foldersIn(folder)).toEqual(["r000002", "r000003", "r000004", "r000005"]);
  expect(existsSync(join(folder, ".lockkeeper/pins/r000001.pin"))).toBe(true);
  await pruneReleases(storeKeeping(folder, { keep: 2 }));
  expect(foldersIn(folder)).toEqual(["r000004", "r000005"]);
  expect(readdirSync(join(folder, ".lockkeeper/pins"))).toEqual(["r000004.pin", "r000005.pin"]);
  expect(readdirSync(join(folder, ".lockkeeper/trash"))).toEqual([]);
});

test("a record that cannot be read: its release is listed without it, kept by its number, and not gone back to", async () => {
  const folder = temporaryFolder();
  const store = storeKeeping(folder);
  await publishMany(store, 3);
  const record = join(folder, "releases/r000001/release.json");
  rmSync(record);
  writeFileSync(record, "{}");
  const { releases } = await listReleases(store);
  const readers = process.platform === "linux" ? { readers: 0 } : {};
  expect(releases[2]).toEqual({ release: "r000001", version: 1, state: "kept", bytes: 0, pinned: false, ...readers });
  await expect(rollback(store, { to: "r000001" })).rejects.toMatchObject({ code: "RECORD_INVALID" });
  expect(foldersIn(folder)).toContain("r000001");
  expect((await pruneReleases(storeKeeping(folder, { keep: 2 }))).removed).toMatchObject([{ release: "r000001" }]);
});

test("a record that names another release, or a file elsewhere, is followed nowhere: not by a rollback, not by a check, not by prune", async () => {
  const folder = temporaryFolder();
  const store = storeKeeping(folder, { keep: 1 });
  await publishMany(storeKeeping(folder), 4);
  const outside = join(temporaryFolder(), "precious.duckdb");
  writeFileSync(outside, "precious");
  const rewrite = (release: string, change: (record: { release: string; files: { path: string }[] }) => object) => {
    const path = join(folder, `releases/${release}/release.json`);
    const record = JSON.parse(readFileSync(path, "utf8")) as { release: string; files: { path: string }[] };
    chmodSync(path, 0o644);
    writeFileSync(path, JSON.stringify({ ...record, ...change(record) }));
  };
  rewrite("r000001", ({ files: [file] }) => ({ layout: "slots", files: [{ ...file, path: relative(folder, outside) }] }));
  rewrite("r000002", () => ({ release: "r000004" }));
  for (const release of ["r000001", "r000002"]) {
    await expect(rollback(store, { to: release })).rejects.toMatchObject({ code: "RECORD_INVALID" });
    await expect(checkRelease(store, { release })).rejects.toMatchObject({ code: "RECORD_INVALID" });
  }
  expect((await pruneReleases(store)).removed.map(({ release }) => release)).toEqual(["r000001", "r000002"]);
  expect(foldersIn(folder)).toEqual(["r000003", "r000004"]);
  expect(readFileSync(outside, "utf8")).toBe("precious");
});

test.each(["../../elsewhere", "r000001/../r000002", "", "v1-a"])("%j is no release's id, and leads nowhere", async (release) => {
  const folder = temporaryFolder();
  const store = storeKeeping(folder);
  await publishMany(store, 2);
  await expect(showRelease(store, release)).rejects.toMatchObject({ code: "RELEASE_UNKNOWN", exit: 10 });
  await expect(rollback(store, { to: release })).rejects.toMatchObject({ code: "RELEASE_UNKNOWN" });
  await expect(pinRelease(store, release, { reason: "x" })).rejects.toMatchObject({ code: "RELEASE_UNKNOWN" });
  await expect(checkRelease(store, { release })).rejects.toMatchObject({ code: "RELEASE_UNKNOWN" });
});

test("a store of slots becomes one of releases with its next publish, under a reader; its slots go when retention lets them go", async () => {
  const folder = temporaryFolder();
  const slots = storeIn(folder);
  for (const rows of [1, 2, 3]) await publish(slots, rowsBuild(rows));
  const reader = await readerOn(folder);
  expect((await reader.query("SELECT count(*)::INT FROM t")).rows).toEqual([[3]]);
  const store = storeKeeping(folder, { keep: 3 });
  expect(await publish(store, rowsBuild(4))).toMatchObject({ release: "r000004", version: 4, previous: { release: "r000003" } });
  expect(await reader.query("SELECT count(*)::INT FROM t")).toMatchObject({ rows: [[4]], release: "r000004" });
  // The slots are releases like others: both can be gone back to.
  expect(await rollback(store, { to: "r000002" })).toMatchObject({ release: "r000002", version: 5 });
  expect(manifestOf(folder)).toMatchObject({ active: "b", layout: "slots" });
  expect((await reader.query("SELECT count(*)::INT FROM t")).rows).toEqual([[2]]);
  expect(await rollback(store, { to: "r000003" })).toMatchObject({ release: "r000003" });
  for (const rows of [5, 6]) await publish(store, rowsBuild(rows));
  expect((await reader.query("SELECT count(*)::INT FROM t")).rows).toEqual([[6]]);
  await reader.close();
  await pruneReleases(store);
  expect(readdirSync(folder).filter((name) => name.endsWith(".duckdb"))).toEqual([]);
  expect(readdirSync(join(folder, ".lockkeeper/records"))).toEqual([]);
  expect(foldersIn(folder)).toEqual(["r000004", "r000005", "r000006"]);
  // Back to slots is no option: the manifest speaks of a folder.
  await expect(publish(slots, rowsBuild(7))).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    hint: expect.stringContaining("releases"),
  });
  expect(await valueIn(join(folder, "releases/r000006/DB.duckdb"), "SELECT count(*)::INT FROM t")).toBe("6");
});

test("any kept release can be checked, against its parent; one whose file was changed is told", async () => {
  const folder = temporaryFolder();
  const store = {
    ...storeKeeping(folder),
    checks: [{ check: "rows", severity: "error", table: "t", min: 2, drift: 0.1 }] as const,
  };
  await publishMany(storeKeeping(folder), 3);
  const failed = async (release: string) =>
    (await checkRelease(store, { release })).checks.filter(({ status }) => status === "fail").map(({ check }) => check);
  expect(await failed("r000001")).toEqual(["rows"]);
  expect(await failed("r000002")).toEqual(["rows"]);
  const path = join(folder, "releases/r000002/DB.duckdb");
  chmodSync(path, 0o644);
  appendFileSync(path, "x");
  expect(await failed("r000002")).toContain("sha256");
  await expect(checkRelease(store, { release: "r000009" })).rejects.toMatchObject({ code: "RELEASE_UNKNOWN", exit: 10 });
});

test("layout slots has nothing to pin for an operator", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await expect(pinRelease(store, "r000001", { reason: "x" })).rejects.toMatchObject({ code: "FEATURE_MISSING" });
  expect(readFileSync(join(folder, "db_manifest.json"), "utf8")).toContain("r000001");
});
