import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { initialize } from "../../src/release/initialize.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { storeStatus } from "../../src/release/status.ts";
import type { ProgressEvent } from "../../src/release/store.ts";
import { auditStore } from "../proof/faults/audit.ts";
import { distUrl } from "../support/child.ts";
import { historyOf, manifestOf, rowsBuild, startOperation, storeIn, valueIn, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

test.each(["install.done", "switch.renamed"])(
  "killed at %s: the old release or the new one, whole; the next publish works and cleans up",
  async (name) => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    await publish(store, rowsBuild(2));
    const child = startOperation(folder, `return publish(store, rowsBuild(3));`, { LOCKKEEPER_FAILPOINTS: `${name}=kill` });
    expect(await child.ended).toMatchObject({ signal: "SIGKILL" });
    const version = name === "switch.renamed" ? 3 : 2;
    expect(await auditStore(folder, { acknowledged: 2 })).toMatchObject({ complaints: [], active: { version } });
    expect(await storeStatus(store)).toMatchObject({
      status: "warn",
      detail: [expect.stringContaining(`process ${child.pid}, died`)],
    });
    const events: ProgressEvent[] = [];
    const next = await publish(store, rowsBuild(4), { onProgress: (event) => void events.push(event) });
    // r000003 was recorded: its number is not used again.
    expect(next).toMatchObject({ outcome: "switched", version: version + 1, release: "r000004" });
    expect(events).toContainEqual({ kind: "cleaned", detail: expect.stringContaining("died") });
    expect(await auditStore(folder, { acknowledged: version + 1, clean: true })).toMatchObject({ complaints: [] });
    expect(await storeStatus(store)).toMatchObject({ status: "pass" });
  },
);

test("a refused build whose keeping was killed leaves no temporary file behind the next publish", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  const failing = `return publish(store, { kind: "function", build: () => Promise.reject(new Error("no input today")) });`;
  const child = startOperation(folder, failing, { LOCKKEEPER_FAILPOINTS: "quarantine.log.written=kill" });
  expect(await child.ended).toMatchObject({ signal: "SIGKILL" });
  await publish(store, rowsBuild(1));
  expect(await auditStore(folder, { acknowledged: 1, clean: true })).toMatchObject({ complaints: [] });
});

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

test("an init that was killed between install and switch can be run again", async () => {
  const folder = temporaryFolder();
  const source = join(folder, "old.duckdb");
  await writeDatabase(source, "CREATE TABLE t AS SELECT 7 AS n");
  const store = storeIn(join(folder, "store"));
  const child = startOperation(
    store.paths.folder,
    `const { initialize } = await import(${JSON.stringify(distUrl("release/initialize.js"))}); return initialize(store, ${JSON.stringify(source)});`,
    { LOCKKEEPER_FAILPOINTS: "install.done=kill" },
  );
  expect(await child.ended).toMatchObject({ signal: "SIGKILL" });
  expect(existsSync(store.paths.slot("DB", "a"))).toBe(true);
  expect(await initialize(store, source)).toMatchObject({ outcome: "switched", version: 1 });
  expect(await auditStore(store.paths.folder, { acknowledged: 1, clean: true })).toMatchObject({ complaints: [] });
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
  expect(await auditStore(folder, { acknowledged: 1 })).toMatchObject({ complaints: [], active: { version: 2 } });
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
