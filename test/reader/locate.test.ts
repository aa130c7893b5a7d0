import { beforeEach, expect, test } from "vitest";
import { FakeStore } from "./support/fake-store.ts";

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});

test("the basename of a foreign store is that of its only pair; one file of the two is enough", async () => {
  store.publishForeign("a", "one", 1);
  const reader = await store.open();
  expect(store.engine.opened[0]?.request).toMatchObject({ path: "/store/holdings_a.duckdb", names: ["holdings", "holdings_a"] });
  expect(reader.status()).toMatchObject({ release: "v1-a", pinned: false });
});

test("several pairs are an error that names them, unless the caller chooses", async () => {
  store.publishForeign("a", "one", 1);
  store.platform.write("/store/other_b.duckdb", "x");
  await expect(store.open()).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("holdings, other"),
  });
  expect((await store.open({ basename: "holdings" })).status().release).toBe("v1-a");
});

test("a manifest's basename is believed only where it is a plain stem", async () => {
  store.platform.write(store.paths.manifest, JSON.stringify({ active: "a", version: 1, basename: "../other" }));
  await expect(store.open()).rejects.toMatchObject({ code: "MANIFEST_INVALID", message: expect.stringContaining('"basename"') });
});

test("a data file that is missing, a link or a folder is refused by name", async () => {
  store.platform.write(store.paths.manifest, JSON.stringify({ active: "b", version: 1 }));
  await expect(store.open()).rejects.toMatchObject({ code: "FILE_MISSING" });
  await expect(store.open({ basename: "holdings" })).rejects.toMatchObject({
    code: "FILE_MISSING",
    message: expect.stringContaining("holdings_b.duckdb"),
  });
  for (const target of ["/elsewhere/b.duckdb", "/storeroom/b.duckdb"]) {
    store.platform.write(target, "not of this store");
    store.platform.link("/store/holdings_b.duckdb", target);
    await expect(store.open()).rejects.toMatchObject({
      code: "MANIFEST_INVALID",
      message: expect.stringContaining("leaves the folder"),
    });
  }
  store.platform.make("/store/holdings_b.duckdb", "folder");
  await expect(store.open()).rejects.toMatchObject({
    code: "MANIFEST_INVALID",
    message: expect.stringContaining("regular file"),
  });
});

test("a release whose file differs from its record, or has a write-ahead log beside it, is not served", async () => {
  store.publish("a", "one", { recordBytes: 4 });
  await expect(store.open()).rejects.toMatchObject({ code: "CHECKSUM_MISMATCH" });
  store.publish("b", "two");
  store.platform.write("/store/holdings_b.duckdb.wal", "rows");
  await expect(store.open()).rejects.toMatchObject({ code: "CHECKSUM_MISMATCH", message: expect.stringContaining(".wal") });
});

test("a record must lie in the folder and be the one that the manifest names by sha256", async () => {
  store.publish("a", "one", { recordPath: "../elsewhere.json" });
  await expect(store.open()).rejects.toMatchObject({
    code: "MANIFEST_INVALID",
    message: expect.stringContaining('"record.path"'),
  });
  const release = store.publish("b", "two");
  store.platform.write(store.paths.record(release, "slots"), "{}");
  await expect(store.open()).rejects.toMatchObject({ code: "RECORD_INVALID" });
  store.platform.remove(store.paths.record(release, "slots"));
  await expect(store.open()).rejects.toMatchObject({ code: "RECORD_INVALID" });
  store.platform.make(store.paths.records, "symlink");
  await expect(store.open()).rejects.toMatchObject({ code: "MANIFEST_INVALID" });
});

test("another program's manifest that names a release folder is served where the folder has one data file", async () => {
  store.platform.write(store.paths.manifest, JSON.stringify({ active: "r000042", version: 1 }));
  await expect(store.open()).rejects.toMatchObject({ code: "FILE_MISSING", message: expect.stringContaining("r000042") });
});

test("a pin that is held by prune counts as a release that is going; one that stays away is served unpinned with a warning", async () => {
  store.publish("a", "one", { pin: false });
  expect((await store.open()).status()).toMatchObject({ release: "r000001", pinned: false });
  expect(store.warnings).toHaveLength(1);
  expect(store.warnings[0]).toContain("without a pin");
  const release = store.publish("b", "two");
  store.platform.lockExclusively(store.paths.pin(release));
  const opening = store.open();
  store.publish("a", "three");
  expect((await opening).status()).toMatchObject({ release: "r000003", pinned: true });
});

test("where locks cannot be had the release is served unpinned with a warning that says why", async () => {
  store.publish("a", "one");
  store.platform.lockFails = new Error("no kernel lock addon for linux-x64");
  expect((await store.open()).status()).toMatchObject({ pinned: false });
  expect(store.warnings[0]).toContain("no kernel lock addon");
  expect(store.platform.openFiles).toBe(0);
});

test("a link that stays in the folder is followed", async () => {
  store.platform.write("/store/nightly.duckdb", "linked");
  store.platform.link("/store/holdings_b.duckdb", "/store/nightly.duckdb");
  store.platform.write(store.paths.manifest, JSON.stringify({ active: "b", version: 1 }));
  expect(await store.answer(await store.open())).toBe("linked of v1-b");
  expect(store.engine.opened[0]?.request).toMatchObject({ path: "/store/nightly.duckdb", names: ["holdings", "holdings_b"] });
});
