import { beforeEach, expect, test } from "vitest";
import { LockkeeperError } from "../../src/errors/lockkeeper-error.ts";
import { fileLocked } from "./support/fake-engine.ts";
import { FakeStore } from "./support/fake-store.ts";

const fallback = "/single/holdings.duckdb";

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});

test("without a manifest the fallback serves, with exactly one warning", async () => {
  store.platform.write(fallback, "single");
  const reader = await store.open({ fallback });
  for (let round = 0; round < 5; round += 1) expect(await store.answer(reader)).toBe("single of fallback");
  await store.clock.advance(60_000);
  expect(await store.answer(reader)).toBe("single of fallback");
  expect(store.warnings).toHaveLength(1);
  expect(store.warnings[0]).toContain(
    "there is no manifest at /store/db_manifest.json: serving the single file /single/holdings.duckdb",
  );
  expect(reader.status()).toMatchObject({
    ok: true,
    mode: "fallback",
    active: null,
    release: "fallback",
    servingVersion: 0,
    publishedVersion: null,
  });
  expect(reader.serving()).toBeUndefined();
});

test("an unusable manifest at the start does the same, and is told in the status", async () => {
  store.platform.write(fallback, "single");
  store.platform.write(store.paths.manifest, "{");
  const reader = await store.open({ fallback });
  expect(await store.answer(reader)).toBe("single of fallback");
  expect(reader.status()).toMatchObject({ ok: false, lastManifestError: { code: "MANIFEST_INVALID" } });
});

test("a manifest that is bad for less than 100 ms at the start does not count", async () => {
  store.platform.write(fallback, "single");
  store.platform.write(store.paths.manifest, "");
  const opening = store.open({ fallback });
  await store.clock.advance(90);
  store.publish("a", "one");
  expect(await store.answer(await opening)).toBe("one of r000001");
  expect(store.warnings).toEqual([]);
});

test("without fallback: NO_RELEASE says what was looked for and where; a bad manifest is its own error", async () => {
  await expect(store.open()).rejects.toMatchObject({
    code: "NO_RELEASE",
    message: expect.stringMatching(/db_manifest\.json.*DUCKDB_PATH/),
  });
  await expect(store.open({ fallback })).rejects.toMatchObject({
    code: "NO_RELEASE",
    message: expect.stringContaining(fallback),
  });
  store.platform.write(store.paths.manifest, '{"active": "a"}');
  await expect(store.open()).rejects.toMatchObject({ code: "MANIFEST_INVALID", message: expect.stringContaining('"version"') });
});

test("a good manifest whose release does not open is an error at the start, never a reason for the fallback", async () => {
  store.platform.write(fallback, "years old");
  store.publish("a", "one");
  store.engine.beforeOpen = () => {
    throw new LockkeeperError("DATABASE_CORRUPT", "damaged");
  };
  await expect(store.open({ fallback })).rejects.toMatchObject({ code: "DATABASE_CORRUPT" });
  expect(store.platform.openFiles).toBe(0);
});

test("the file is let go after fallbackIdleMs without a request, and opened again for the next", async () => {
  store.platform.write(fallback, "single");
  const reader = await store.open({ fallback, fallbackIdleMs: 1000 });
  await store.answer(reader);
  await store.clock.advance(900);
  expect(store.engine.openNow).toHaveLength(1);
  await store.answer(reader);
  await store.clock.advance(900);
  expect(store.engine.openNow).toHaveLength(1);
  await store.clock.advance(200);
  expect(store.engine.openNow).toHaveLength(0);
  expect(await store.answer(reader)).toBe("single of fallback");
});

test("it is not let go while a request uses it, however long", async () => {
  store.platform.write(fallback, "single");
  const reader = await store.open({ fallback });
  await reader.borrow(async (release) => {
    await store.clock.advance(10_000);
    expect((await release.query("content")).release).toBe("fallback");
  });
  await store.clock.advance(1100);
  expect(store.engine.openNow).toHaveLength(0);
});

test("a file that changed is opened anew", async () => {
  store.platform.write(fallback, "single");
  const reader = await store.open({ fallback });
  await store.answer(reader);
  const uids: string[] = [await reader.borrow(({ uid }) => uid)];
  store.platform.replace(fallback, "single 2");
  expect(await store.answer(reader)).toBe("single 2 of fallback");
  uids.push(await reader.borrow(({ uid }) => uid));
  await store.clock.advance(20);
  store.platform.write(fallback, "single 3");
  expect(await store.answer(reader)).toBe("single 3 of fallback");
  uids.push(await reader.borrow(({ uid }) => uid));
  expect(new Set(uids).size).toBe(3);
  await store.clock.advance(1);
  expect(store.engine.openNow).toHaveLength(1);
});

test("while an ETL holds the file requests wait, then UNAVAILABLE names the holder", async () => {
  store.platform.write(fallback, "single");
  store.engine.beforeOpen = ({ path }) => {
    throw fileLocked(path);
  };
  const reader = await store.open({ fallback, waitMs: 1000 });
  const early = reader.query("content");
  await store.clock.advance(500);
  store.engine.beforeOpen = () => {};
  expect((await store.clock.until(early)).release).toBe("fallback");
  await store.clock.advance(2000);
  store.engine.beforeOpen = ({ path }) => {
    throw fileLocked(path);
  };
  await expect(store.clock.until(reader.query("content"))).rejects.toMatchObject({
    code: "UNAVAILABLE",
    exit: 16,
    holder: { pid: 4711 },
  });
});

test("deleting the manifest of a running reader moves it to the fallback after 2 s, not before; putting it back moves it back", async () => {
  store.publish("a", "one");
  store.platform.write(fallback, "single");
  const reader = await store.open({ fallback, pollMs: 100 });
  const told: string[] = [];
  reader.on("switch", ({ release, previous, mode }) => void told.push(`${previous.release} > ${release} (${mode})`));
  reader.on("degraded", () => void told.push("degraded"));
  const manifest = store.platform.text(store.paths.manifest) ?? "";
  store.platform.remove(store.paths.manifest);
  await store.clock.advance(1900);
  expect(await store.answer(reader)).toBe("one of r000001");
  await store.clock.advance(400);
  expect(await store.answer(reader)).toBe("single of fallback");
  store.platform.write(store.paths.manifest, manifest);
  expect(await store.answer(reader)).toBe("one of r000001");
  await store.clock.advance(1);
  expect(store.engine.openNow).toHaveLength(1);
  expect(told).toEqual(["r000001 > fallback (fallback)", "fallback > r000001 (manifest)"]);
});

test("a deleted manifest and a fallback that does not open leave the last good release, degraded", async () => {
  store.publish("a", "one");
  const reader = await store.open({ fallback, pollMs: 100 });
  store.platform.remove(store.paths.manifest);
  await store.clock.advance(10_000);
  expect(await store.answer(reader)).toBe("one of r000001");
  expect(reader.status()).toMatchObject({ ok: false, mode: "manifest", publishedVersion: null });
});

test("a manifest that becomes unusable never moves a running reader to the fallback", async () => {
  store.publish("a", "one");
  store.platform.write(fallback, "single");
  const reader = await store.open({ fallback, pollMs: 100 });
  store.platform.write(store.paths.manifest, "");
  await store.clock.advance(60_000);
  expect(await store.answer(reader)).toBe("one of r000001");
});

test("a file named like one of the engine's own catalogues needs a basename", async () => {
  store.platform.write("/single/main.duckdb", "single");
  await expect(store.open({ fallback: "/single/main.duckdb" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  const reader = await store.open({ fallback: "/single/main.duckdb", basename: "holdings" });
  expect(await store.answer(reader)).toBe("single of fallback");
  expect(store.engine.opened[0]?.request.names).toEqual(["holdings"]);
});

test("closing a reader on its fallback leaves nothing open", async () => {
  store.platform.write(fallback, "single");
  const reader = await store.open({ fallback });
  await store.answer(reader);
  await store.clock.until(reader.close());
  expect(store.engine.openNow).toHaveLength(0);
  expect(store.clock.pending).toBe(0);
});

test("a fallback that is a link is followed, also when it is turned to another file", async () => {
  store.platform.write("/single/night1.duckdb", "night 1");
  store.platform.write("/single/night2.duckdb", "night 2");
  store.platform.link(fallback, "/single/night1.duckdb");
  const reader = await store.open({ fallback });
  expect(await store.answer(reader)).toBe("night 1 of fallback");
  await store.clock.advance(20);
  store.platform.link(fallback, "/single/night2.duckdb");
  expect(await store.answer(reader)).toBe("night 2 of fallback");
  await store.clock.advance(1);
  expect(store.engine.openNow).toHaveLength(1);
});
