import { beforeEach, expect, test } from "vitest";
import { LockkeeperError } from "../../src/errors/lockkeeper-error.ts";
import { fileLocked } from "./support/fake-engine.ts";
import { settle } from "./support/fake-clock.ts";
import { FakeStore } from "./support/fake-store.ts";

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});

test("serves the active release, pinned, under its constant name and its slot's stem", async () => {
  store.publish("a", "one");
  const reader = await store.open();
  expect(await store.answer(reader)).toBe("one of r000001");
  expect(store.engine.opened[0]?.request.names).toEqual(["holdings", "holdings_a"]);
  expect(store.platform.sharedLocks(store.paths.pin("r000001"))).toBe(1);
  expect(reader.status()).toMatchObject({
    ok: true,
    mode: "manifest",
    active: "a",
    servingVersion: 1,
    publishedVersion: 1,
    pinned: true,
  });
});

test("strict: a request that sees a new release is answered from it", async () => {
  store.publish("a", "one");
  const reader = await store.open();
  store.publish("b", "two");
  expect(await store.answer(reader)).toBe("two of r000002");
});

test("strict: many requests wait for one opening", async () => {
  store.publish("a", "one");
  const reader = await store.open();
  store.publish("b", "two");
  const answers = await store.clock.until(Promise.all(Array.from({ length: 20 }, () => reader.query("content"))));
  expect(new Set(answers.map(({ release }) => release))).toEqual(new Set(["r000002"]));
  expect(store.engine.opened).toHaveLength(2);
});

test("strict: after the wait bound the last good release answers, under its true name", async () => {
  store.publish("a", "one");
  const reader = await store.open({ waitMs: 300 });
  let go = (): void => {};
  store.engine.beforeOpen = () => new Promise<void>((resolve) => (go = resolve));
  store.publish("b", "two");
  expect(await store.answer(reader)).toBe("one of r000001");
  expect(store.clock.monotonicMs()).toBeLessThan(400);
  go();
  await settle();
  expect(await store.answer(reader)).toBe("two of r000002");
});

test("eventual: the old release answers at once while the new one opens", async () => {
  store.publish("a", "one");
  const reader = await store.open({ freshness: "eventual" });
  store.publish("b", "two");
  const before = store.clock.monotonicMs();
  expect((await reader.query("content")).release).toBe("r000001");
  expect(store.clock.monotonicMs()).toBe(before);
  await settle();
  expect((await reader.query("content")).release).toBe("r000002");
});

test("FACTS 5: a reader that reads the manifest, stalls over two publishes and then opens its slot does not serve one under the other's name", async () => {
  store.publish("a", "one");
  store.engine.beforeOpen = () => {
    store.engine.beforeOpen = () => {};
    store.publish("b", "two");
    store.publish("a", "three");
  };
  const reader = await store.open();
  expect(await store.answer(reader)).toBe("three of r000003");
  expect(store.engine.openNow).toHaveLength(1);
});

test("FACTS 5: the same after the open: a manifest that moved meanwhile discards what was opened", async () => {
  store.publish("a", "one");
  store.engine.afterOpen = () => {
    store.engine.afterOpen = () => {};
    store.publish("b", "two");
  };
  const reader = await store.open();
  expect(await store.answer(reader)).toBe("two of r000002");
  expect(store.engine.opened.map(({ closed }) => closed)).toEqual([true, false]);
  expect(store.platform.openFiles).toBe(1);
});

test("a request waits for the release that it saw or a later one, not for the end of all switches", async () => {
  store.publish("a", "one");
  const reader = await store.open();
  store.publish("b", "two");
  let switches = 0;
  reader.on("switch", () => {
    switches += 1;
    if (switches < 5) store.publish(switches % 2 === 1 ? "a" : "b", `more ${switches}`);
  });
  expect(await store.answer(reader)).toMatch(/^(two of r000002|more)/);
});

test("FACTS 5: a foreign writer that alternates {a,1} and {b,1} is followed, with a warning", async () => {
  store.publishForeign("a", "night 1", 1);
  const reader = await store.open({ pollMs: 1000 });
  const warnings: string[] = [];
  reader.on("warning", ({ message }) => void warnings.push(message));
  for (const [night, slot] of (["b", "a", "b", "a"] as const).entries()) {
    store.publishForeign(slot, `night ${night + 2}`, 1);
    await store.clock.advance(2000);
    expect(reader.status()).toMatchObject({ active: slot, release: `v1-${slot}`, pinned: false, ok: true });
    expect((await reader.query("content")).rows[0]?.[0]).toBe(`night ${night + 2}`);
  }
  expect(warnings).toHaveLength(4);
  expect(warnings[0]).toContain("version 1 follows version 1");
});

test("an idle reader moves on by its poll", async () => {
  store.publish("a", "one");
  const reader = await store.open({ pollMs: 1000 });
  store.publish("b", "two");
  await store.clock.advance(1001);
  expect(reader.status()).toMatchObject({ release: "r000002" });
  expect(store.engine.openNow).toHaveLength(1);
});

test("a file that is locked is tried again, not failed", async () => {
  store.publish("a", "one");
  const reader = await store.open();
  let tries = 0;
  store.engine.beforeOpen = ({ path }) => {
    tries += 1;
    if (tries < 8) throw fileLocked(path);
  };
  store.publish("b", "two");
  expect(await store.answer(reader)).toBe("two of r000002");
  expect(tries).toBe(8);
});

test("tries are bounded: after 20 the last good release serves, the reader is degraded once, and tries again with back-off", async () => {
  store.publish("a", "one");
  const reader = await store.open({ pollMs: 10 });
  const told: string[] = [];
  reader.on(
    "degraded",
    ({ error, servingVersion, publishedVersion }) => void told.push(`${error.code} ${servingVersion} ${publishedVersion}`),
  );
  reader.on("recovered", ({ version }) => void told.push(`recovered ${version}`));
  let tries = 0;
  store.engine.beforeOpen = ({ path }) => {
    tries += 1;
    throw fileLocked(path);
  };
  store.publish("b", "two");
  expect(await store.answer(reader)).toBe("one of r000001");
  expect(tries).toBe(20);
  expect(reader.status()).toMatchObject({
    ok: false,
    servingVersion: 1,
    publishedVersion: 2,
    failures: 1,
    lastManifestError: { code: "FILE_LOCKED" },
  });
  const before = store.clock.monotonicMs();
  await reader.query("content");
  expect(store.clock.monotonicMs()).toBe(before);
  await store.clock.advance(60_000);
  expect(tries / 20).toBeGreaterThan(4);
  expect(tries / 20).toBeLessThan(10);
  expect(told).toEqual(["FILE_LOCKED 1 2"]);
  const { failures } = reader.status();
  expect(failures).toBe(tries / 20);
  // A release that follows and fails, too, is one more in the row.
  store.publish("a", "three");
  expect(await store.answer(reader)).toBe("one of r000001");
  expect(reader.status().failures).toBe(failures + 1);
  store.engine.beforeOpen = () => {};
  await store.clock.advance(31_000);
  expect(told).toEqual(["FILE_LOCKED 1 2", "recovered 3"]);
  expect(reader.status()).toMatchObject({ ok: true, servingVersion: 3, failures: 0, lastManifestError: null });
});

test("a failed release does not hold back the next one", async () => {
  store.publish("a", "one");
  const reader = await store.open();
  store.engine.beforeOpen = ({ path }) => {
    if (path.includes("_b")) throw new LockkeeperError("DATABASE_CORRUPT", "damaged");
  };
  store.publish("b", "two");
  expect(await store.answer(reader)).toBe("one of r000001");
  store.publish("a", "three");
  expect(await store.answer(reader)).toBe("three of r000003");
});

test("FACTS 6: a generation whose warm-up fails is closed, pin and all, and never serves", async () => {
  store.publish("a", "one");
  const warmup = ["content", "content"];
  const reader = await store.open({ warmup });
  store.engine.afterOpen = (database) => {
    database.query = () => Promise.reject(new LockkeeperError("QUERY_FAILED", "no table holdings"));
  };
  store.publish("b", "two");
  expect(await store.answer(reader)).toBe("one of r000001");
  expect(reader.status().lastManifestError?.message).toContain(
    "warm-up statement 1 failed on release r000002: no table holdings",
  );
  expect(store.engine.openNow).toHaveLength(1);
  expect(store.platform.sharedLocks(store.paths.pin("r000002"))).toBe(0);
});

test("FACTS 6: refreshing goes on after runs that end at once", async () => {
  store.publish("a", "one");
  const reader = await store.open();
  for (let round = 0; round < 40; round += 1) {
    const slot = round % 2 === 0 ? "b" : "a";
    store.platform.remove(store.paths.manifest);
    const early = reader.query("content");
    store.publish(slot, `round ${round}`);
    await store.clock.until(early);
    expect(await store.answer(reader)).toBe(`round ${round} of ${reader.status().release}`);
    expect(reader.status().publishedVersion).toBe(reader.status().servingVersion);
  }
});

test("a manifest that is deleted while its release is being opened: who waits for it is served the last good release", async () => {
  store.publish("a", "one");
  const reader = await store.open();
  store.engine.beforeOpen = ({ path }) => {
    store.platform.remove(store.paths.manifest);
    throw fileLocked(path);
  };
  store.publish("b", "two");
  expect(await store.answer(reader)).toBe("one of r000001");
  expect(store.clock.monotonicMs()).toBeLessThan(200);
});

test("minVersion waits for a version, and is UNAVAILABLE after the bound", async () => {
  store.publish("a", "one");
  const reader = await store.open({ waitMs: 1000 });
  const early = reader.query("content", [], { minVersion: 2 });
  await store.clock.advance(100);
  store.publish("b", "two");
  expect((await store.clock.until(early)).version).toBe(2);
  await expect(store.clock.until(reader.query("content", [], { minVersion: 3 }))).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

test("serving() is what a borrow would get without waiting, and nothing where it would wait", async () => {
  store.publish("a", "one");
  const [strict, eventual] = [await store.open(), await store.open({ freshness: "eventual" })];
  const first = strict.serving();
  expect(first).toMatchObject({ release: "r000001", version: 1, active: "a" });
  expect(await strict.borrow(({ uid, lastUpdated }) => ({ uid, lastUpdated }))).toEqual({
    uid: first?.uid,
    lastUpdated: first?.lastUpdated,
  });
  expect(strict.serving({ minVersion: 2 })).toBeUndefined();
  store.publish("b", "two");
  expect(strict.serving()).toBeUndefined();
  expect(eventual.serving()?.version).toBe(1);
  expect(await store.answer(strict)).toBe("two of r000002");
  expect(strict.serving()?.version).toBe(2);
  // It began to follow what it saw.
  await store.clock.advance(100);
  expect(eventual.serving()?.version).toBe(2);
  await store.clock.until(strict.close());
  expect(() => strict.serving()).toThrow(expect.objectContaining({ code: "READER_CLOSED" }));
});

test("serving() is the last good release while what is published cannot be served", async () => {
  store.publish("a", "one");
  const reader = await store.open();
  store.engine.beforeOpen = () => {
    throw new LockkeeperError("DATABASE_CORRUPT", "no database");
  };
  store.publish("b", "two");
  await store.answer(reader);
  expect(reader.serving()?.version).toBe(1);
});

test("a release that is not the open one is RELEASE_UNKNOWN", async () => {
  store.publish("a", "one");
  const reader = await store.open();
  expect((await reader.query("content", [], { release: "r000001" })).version).toBe(1);
  await expect(reader.query("content", [], { release: "r000007" })).rejects.toMatchObject({ code: "RELEASE_UNKNOWN" });
  expect(reader.status().generations[0]?.inFlightRequests).toBe(0);
});

test("an unusable or missing manifest leaves a running reader on its last good release; it is degraded after 100 ms, not before", async () => {
  store.publish("a", "one");
  const reader = await store.open({ pollMs: 50 });
  const told: string[] = [];
  reader.on("degraded", ({ error }) => void told.push(error.code));
  reader.on("recovered", () => void told.push("recovered"));
  const good = store.platform.text(store.paths.manifest) ?? "";
  for (const bad of ["", "{", undefined]) {
    if (bad === undefined) store.platform.remove(store.paths.manifest);
    else store.platform.write(store.paths.manifest, bad);
    await store.clock.advance(90);
    expect(await store.answer(reader)).toBe("one of r000001");
    store.platform.write(store.paths.manifest, good);
    await store.clock.advance(200);
  }
  expect(told).toEqual([]);
  store.platform.write(store.paths.manifest, "{");
  await store.clock.advance(5000);
  expect(told).toEqual(["MANIFEST_INVALID"]);
  expect(reader.status()).toMatchObject({ ok: false, servingVersion: 1, publishedVersion: null });
  store.platform.write(store.paths.manifest, good);
  await store.clock.advance(200);
  expect(told).toEqual(["MANIFEST_INVALID", "recovered"]);
});

test("a spare instance is asked for after opening and after each switch, and let go at close", async () => {
  store.publish("a", "one");
  const reader = await store.open();
  store.publish("b", "two");
  await store.clock.advance(300);
  expect(store.engine.spares).toBe(1);
  await store.answer(reader);
  await store.clock.advance(300);
  expect(store.engine.spares).toBe(2);
  await store.clock.until(reader.close());
  expect(store.engine.spares).toBe(0);
});
