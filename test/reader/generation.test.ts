import { beforeEach, expect, test } from "vitest";
import { settle } from "./support/fake-clock.ts";
import { FakeStore } from "./support/fake-store.ts";
import { rejection } from "./support/rejection.ts";

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
  store.publish("a", "one");
});

test("a borrow keeps one release throughout, however many are published meanwhile", async () => {
  const reader = await store.open();
  const seen = await reader.borrow(async (release) => {
    const first = await release.query("content");
    store.publish("b", "two");
    expect(await store.answer(reader)).toBe("two of r000002");
    const second = await release.query("content");
    return [first, second].map(({ rows, release: id, version }) => `${rows[0]?.[0] as string} ${id} ${version}`);
  });
  expect(seen).toEqual(["one r000001 1", "one r000001 1"]);
});

test("the old generation closes when its last borrower returns, not before", async () => {
  const reader = await store.open();
  let done = (): void => {};
  const borrowed = reader.borrow(() => new Promise<void>((resolve) => (done = resolve)));
  await settle();
  store.publish("b", "two");
  await store.answer(reader);
  expect(store.engine.openNow).toHaveLength(2);
  expect(reader.status().generations.map(({ state, inFlightRequests }) => `${state} ${inFlightRequests}`)).toEqual([
    "draining 1",
    "active 0",
  ]);
  done();
  await borrowed;
  await store.clock.advance(1);
  expect(store.engine.openNow).toHaveLength(1);
  expect(store.platform.sharedLocks(store.paths.pin("r000001"))).toBe(0);
  expect(reader.status().generations).toHaveLength(1);
});

test("after drainTimeoutMs what still runs is interrupted, and told why", async () => {
  const reader = await store.open({ drainTimeoutMs: 2000 });
  const long = reader.query("hang");
  const refused = rejection(long);
  await settle();
  store.publish("b", "two");
  await store.answer(reader);
  await store.clock.advance(1900);
  expect(store.engine.opened[0]?.interrupts).toBe(0);
  await store.clock.advance(200);
  expect(await refused).toMatchObject({ code: "INTERRUPTED", message: expect.stringMatching(/r000001 was replaced.*2000 ms/) });
  expect(store.engine.openNow).toHaveLength(1);
});

test("a borrower that was drained too long gets the same error from its next query", async () => {
  const reader = await store.open({ drainTimeoutMs: 10 });
  await reader.borrow(async (release) => {
    store.publish("b", "two");
    await store.answer(reader);
    await store.clock.advance(20);
    await expect(release.query("content")).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});

test("one that never lets go is told of with drainingSince, and the reader serves on", async () => {
  const reader = await store.open({ drainTimeoutMs: 10 });
  const stuck = store.engine.opened[0];
  if (stuck !== undefined) stuck.stuck = true;
  void reader.query("hang").catch(() => {});
  await settle();
  store.publish("b", "two");
  await store.answer(reader);
  await store.clock.advance(60_000);
  expect(reader.status().generations[0]).toMatchObject({
    state: "draining",
    inFlightRequests: 2,
    drainingSince: expect.stringMatching(/^2026/),
  });
  expect(await store.answer(reader)).toBe("two of r000002");
  await store.clock.until(reader.close());
  expect(store.warnings.join()).toContain("r000001 is still open");
});

test("using a borrowed release after its borrow ended is a clear error", async () => {
  const reader = await store.open();
  const kept = await reader.borrow((release) => release);
  await expect(kept.query("content")).rejects.toMatchObject({
    code: "READER_CLOSED",
    message: expect.stringContaining("borrow had ended"),
  });
});

test("a query that nobody awaits holds its generation, too", async () => {
  const reader = await store.open();
  let query: Promise<unknown> = Promise.resolve();
  const abort = new AbortController();
  await reader.borrow((release) => {
    query = release.query("hang", [], { signal: abort.signal });
  });
  store.publish("b", "two");
  await store.answer(reader);
  expect(store.engine.openNow).toHaveLength(2);
  abort.abort();
  await expect(query).rejects.toMatchObject({ code: "INTERRUPTED", message: "aborted" });
  await store.clock.advance(1);
  expect(store.engine.openNow).toHaveLength(1);
});

test("an error inside a borrow ends it", async () => {
  const reader = await store.open();
  await expect(reader.borrow(() => Promise.reject(new Error("mine")))).rejects.toThrow("mine");
  await expect(
    reader.borrow(() => {
      throw new Error("at once");
    }),
  ).rejects.toThrow("at once");
  expect(reader.status().generations[0]?.inFlightRequests).toBe(0);
});

test("a query asks for no more rows than the reader's limit", async () => {
  const reader = await store.open({ limits: { rows: 10 } });
  const rowsMax = async (wanted?: number) => (await reader.query("content", [], { rowsMax: wanted })).rows[0]?.[1];
  expect([await rowsMax(), await rowsMax(5), await rowsMax(50)]).toEqual([10, 5, 10]);
});

test("close waits for borrowers, is done once, and leaves nothing open", async () => {
  const reader = await store.open({ pollMs: 100 });
  let done = (): void => {};
  const borrowed = reader.borrow(async (release) => {
    await new Promise<void>((resolve) => (done = resolve));
    return release.query("content");
  });
  await settle();
  const closing = reader.close();
  expect(reader.close()).toBe(closing);
  await expect(reader.query("content")).rejects.toMatchObject({ code: "READER_CLOSED" });
  await store.clock.advance(1000);
  expect(store.engine.openNow).toHaveLength(1);
  done();
  expect((await borrowed).release).toBe("r000001");
  await closing;
  expect(store.engine.openNow).toHaveLength(0);
  expect(store.platform.openFiles).toBe(0);
  expect(store.clock.pending).toBe(0);
});

test("close while a release is being opened leaves nothing open, and wakes who waits", async () => {
  const reader = await store.open();
  let go = (): void => {};
  store.engine.beforeOpen = () => new Promise<void>((resolve) => (go = resolve));
  store.publish("b", "two");
  const waiting = rejection(reader.query("content"));
  await settle();
  const closing = reader.close();
  expect(await waiting).toMatchObject({ code: "READER_CLOSED" });
  go();
  await store.clock.until(closing);
  expect(store.engine.openNow).toHaveLength(0);
  expect(store.platform.openFiles).toBe(0);
  expect(store.clock.pending).toBe(0);
});

test("aborting ends a wait for a release", async () => {
  const reader = await store.open();
  store.engine.beforeOpen = () => new Promise<void>(() => {});
  store.publish("b", "two");
  const abort = new AbortController();
  const waiting = rejection(reader.query("content", [], { signal: abort.signal }));
  await settle();
  abort.abort();
  expect(await waiting).toMatchObject({ code: "INTERRUPTED" });
});
