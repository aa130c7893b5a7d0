import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { storeStatus } from "../../src/release/status.ts";
import type { ProgressEvent } from "../../src/release/store.ts";
import { historyOf, manifestOf, rowsBuild, sha256Of, startOperation, storeIn, valueIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const beforeSwitch = [
  "build.begun",
  "seal.synced",
  "record.written",
  "record.synced",
  "record.renamed",
  "record.done",
  "install.recorded",
  "install.renamed",
  "install.done",
  "switch.written",
  "switch.synced",
];
const afterSwitch = ["switch.renamed", "switch.done", "history.appended", "prune.done"];

/** The manifest names a release whose file is byte for byte what its record says. */
function expectWhole(folder: string): { readonly release: string; readonly version: number } {
  const manifest = manifestOf(folder) as { release: string; version: number; record: { path: string; sha256: string } };
  const bytes = readFileSync(join(folder, manifest.record.path));
  expect(sha256Of(join(folder, manifest.record.path))).toBe(manifest.record.sha256);
  const [file] = (JSON.parse(bytes.toString()) as { files: { path: string; sha256: string }[] }).files;
  expect(sha256Of(join(folder, file?.path ?? ""))).toBe(file?.sha256);
  return manifest;
}

test.each([...beforeSwitch, ...afterSwitch])(
  "killed at %s: the old release or the new one, whole; the next publish works and cleans up",
  async (name) => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    await publish(store, rowsBuild(2));
    const child = startOperation(folder, `return publish(store, rowsBuild(3));`, { LOCKKEEPER_FAILPOINTS: `${name}=kill` });
    expect(await child.ended).toMatchObject({ signal: "SIGKILL" });
    const switched = afterSwitch.includes(name);
    expect(expectWhole(folder)).toMatchObject(switched ? { release: "r000003", version: 3 } : { release: "r000002", version: 2 });
    expect(await storeStatus(store)).toMatchObject({
      status: "warn",
      detail: [expect.stringContaining(`process ${child.pid}, died`)],
    });
    const events: ProgressEvent[] = [];
    const next = await publish(store, rowsBuild(4), { onProgress: (event) => void events.push(event) });
    expect(next.outcome).toBe("switched");
    expect(next.version).toBe(switched ? 4 : 3);
    expect(Number(next.release?.slice(1))).toBeGreaterThanOrEqual(switched ? 4 : 3);
    expectWhole(folder);
    expect(events).toContainEqual({ kind: "cleaned", detail: expect.stringContaining("died") });
    expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
    expect(readdirSync(folder).filter((file) => file.endsWith(".tmp"))).toEqual([]);
    const ids = historyOf(folder).map((event) => event["id"]);
    expect(ids).toEqual(ids.map((_id, index) => index + 1));
    const switches = historyOf(folder).filter((event) => event["type"] === "release.switched");
    expect(switches.map((event) => event["version"])).toEqual(switches.map((_event, index) => index + 1));
    expect(await storeStatus(store)).toMatchObject({ status: "pass" });
  },
);

test("FACTS 5: after a crash between install and switch a rollback does not serve what was never active, but says what lies there", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  const child = startOperation(folder, `return publish(store, rowsBuild(3));`, { LOCKKEEPER_FAILPOINTS: "install.done=kill" });
  await child.ended;
  await expect(rollback(store)).rejects.toMatchObject({
    code: "RELEASE_UNKNOWN",
    exit: 10,
    message: expect.stringContaining("slot a holds r000003, which a crash kept from ever being active"),
  });
  expect(await rollback(store, { to: "r000003" })).toMatchObject({ release: "r000003", version: 3 });
  expect(await valueIn(join(folder, "DB_a.duckdb"), "SELECT count(*) FROM t")).toBe("3");
});

test.each(["install.recorded", "install.done", "switch.synced"])(
  "the very first publish killed at %s: the store is still empty and the next publish works",
  async (name) => {
    const folder = temporaryFolder();
    const child = startOperation(folder, `return publish(store, rowsBuild(3));`, { LOCKKEEPER_FAILPOINTS: `${name}=kill` });
    await child.ended;
    expect(existsSync(join(folder, "db_manifest.json"))).toBe(false);
    expect(await publish(storeIn(folder), rowsBuild(4))).toMatchObject({ outcome: "switched", version: 1 });
  },
);

test("killed during a rollback at the switch: the old release or the new one", async () => {
  for (const [name, version] of [
    ["rollback.verified", 2],
    ["switch.synced", 2],
    ["switch.renamed", 3],
  ] as const) {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    await publish(store, rowsBuild(2));
    const child = startOperation(folder, `return rollback(store);`, { LOCKKEEPER_FAILPOINTS: `${name}=kill` });
    await child.ended;
    expect(expectWhole(folder).version).toBe(version);
    await publish(store, rowsBuild(3));
    const switches = historyOf(folder).filter((event) => event["type"] === "release.switched");
    expect(switches.map((event) => event["version"])).toEqual(switches.map((_event, index) => index + 1));
  }
});

test("a disk that fails at the manifest's fsync leaves the old release; after the rename it is told that the new one is out", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const before = startOperation(folder, `return publish(store, rowsBuild(2));`, { LOCKKEEPER_FAILPOINTS: "switch.synced=error" });
  expect(await before.line("error")).toContain("IO_FAILED");
  expect(manifestOf(folder)).toMatchObject({ version: 1 });
  const after = startOperation(folder, `return publish(store, rowsBuild(2));`, { LOCKKEEPER_FAILPOINTS: "switch.renamed=error" });
  expect(await after.line("error")).toMatch(/is active, but the disk did not confirm it/);
  expect(expectWhole(folder)).toMatchObject({ version: 2 });
  expect(await publish(store, rowsBuild(3))).toMatchObject({ version: 3 });
});

test("a history that cannot be written after the switch does not undo it, and gets its line later", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const child = startOperation(folder, `return publish(store, rowsBuild(2));`, { LOCKKEEPER_FAILPOINTS: "prune.done=error" });
  expect(await child.line("result")).toContain(`"version":2`);
  await publish(store, rowsBuild(3));
  expect(historyOf(folder).map((event) => event["version"])).toEqual([1, 2, 3]);
});
