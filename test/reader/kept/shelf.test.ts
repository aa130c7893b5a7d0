import { beforeEach, expect, test } from "vitest";
import type { Reader } from "../../../src/reader/reader.ts";
import { settle } from "../support/fake-clock.ts";
import { FakeStore } from "../support/fake-store.ts";
import { rejection } from "../support/rejection.ts";

let store: FakeStore;
/** Five releases in folders, `one` to `five`; the last is active. */
beforeEach(() => {
  store = new FakeStore();
  for (const content of ["one", "two", "three", "four", "five"]) store.publishFolder(content);
});

/** What a query on a named release answers, time moving on as it waits. */
async function asked(reader: Reader, release: string): Promise<string> {
  const result = await store.clock.until(reader.query("content", [], { release }));
  return `${result.rows[0]?.[0] as string} of ${result.release}`;
}

/** A borrow that lasts until `end`. */
function borrowed(reader: Reader, release: string) {
  let end = (): void => {};
  const over = reader.borrow(
    async (held) => {
      await new Promise<void>((resolve) => (end = resolve));
      return (await held.query("content")).rows[0]?.[0] as string;
    },
    { release },
  );
  over.catch(() => {});
  return { over, end: () => end() };
}

const statesOf = (reader: Reader) => reader.status().generations.map(({ release, state }) => `${release} ${state}`);

test("a kept release answers beside the active one, pinned, and closes when it was idle", async () => {
  const reader = await store.open({ keptIdleMs: 500 });
  expect(await asked(reader, "r000002")).toBe("two of r000002");
  expect(await store.answer(reader)).toBe("five of r000005");
  expect(statesOf(reader)).toEqual(["r000005 active", "r000002 kept"]);
  expect(store.platform.sharedLocks(store.paths.pin("r000002"))).toBe(1);
  await store.clock.advance(400);
  await asked(reader, "r000002");
  await store.clock.advance(400);
  expect(statesOf(reader)).toHaveLength(2);
  await store.clock.advance(101);
  expect(statesOf(reader)).toEqual(["r000005 active"]);
  expect(store.platform.sharedLocks(store.paths.pin("r000002"))).toBe(0);
  expect(store.engine.openNow).toHaveLength(1);
});

test("the active release by its name is the generation that serves, whatever waits to be opened", async () => {
  const reader = await store.open();
  expect(await asked(reader, "r000005")).toBe("five of r000005");
  expect(store.engine.opened).toHaveLength(1);
  store.engine.beforeOpen = () => new Promise<void>(() => {});
  store.publishFolder("six");
  // `strict` is about requests that take what is active: this one named its release.
  expect((await reader.query("content", [], { release: "r000005" })).version).toBe(5);
});

test("requests that come together share one opening", async () => {
  const reader = await store.open();
  const answers = await store.clock.until(Promise.all([1, 2, 3].map(() => reader.query("content", [], { release: "r000001" }))));
  expect(answers.map(({ rows }) => rows[0]?.[0])).toEqual(["one", "one", "one"]);
  expect(store.engine.opened).toHaveLength(2);
});

test("the one asked for longest ago makes room, and never one that is held", async () => {
  const reader = await store.open({ limits: { releases: 2 } });
  const long = borrowed(reader, "r000001");
  await store.clock.advance(1);
  await asked(reader, "r000002");
  await asked(reader, "r000003");
  expect(statesOf(reader)).toEqual(["r000005 active", "r000001 kept", "r000003 kept"]);
  await asked(reader, "r000004");
  expect(statesOf(reader)).toEqual(["r000005 active", "r000001 kept", "r000004 kept"]);
  long.end();
  expect(await long.over).toBe("one");
  await asked(reader, "r000004");
  await asked(reader, "r000002");
  expect(statesOf(reader)).toEqual(["r000005 active", "r000004 kept", "r000002 kept"]);
});

test("when all are held a request waits for room, and is told so at its bound", async () => {
  const reader = await store.open({ limits: { releases: 2 }, waitMs: 1000 });
  const [one, two] = [borrowed(reader, "r000001"), borrowed(reader, "r000002")];
  await store.clock.advance(1);
  const late = rejection(reader.query("content", [], { release: "r000003" }));
  await store.clock.advance(999);
  expect(statesOf(reader)).toEqual(["r000005 active", "r000001 kept", "r000002 kept"]);
  await store.clock.advance(2);
  expect(await late).toMatchObject({
    code: "UNAVAILABLE",
    exit: 16,
    subject: "r000003",
    message: expect.stringContaining("r000001, r000002 are in use"),
  });
  const waiting = reader.query("content", [], { release: "r000003" });
  await settle();
  one.end();
  expect((await store.clock.until(waiting)).rows[0]?.[0]).toBe("three");
  expect(store.engine.openNow).toHaveLength(3);
  two.end();
  expect([await one.over, await two.over]).toEqual(["one", "two"]);
});

test("an aborted wait for room is INTERRUPTED, and leaves nothing behind", async () => {
  const reader = await store.open({ limits: { releases: 1 } });
  const held = borrowed(reader, "r000001");
  await store.clock.advance(1);
  const abort = new AbortController();
  const waiting = rejection(reader.query("content", [], { release: "r000002", signal: abort.signal }));
  await settle();
  abort.abort();
  expect(await waiting).toMatchObject({ code: "INTERRUPTED" });
  held.end();
  await held.over;
  expect(await asked(reader, "r000003")).toBe("three of r000003");
});

test("an opening that takes longer than a request waits goes on for the next one", async () => {
  const reader = await store.open({ waitMs: 1000 });
  let go = (): void => {};
  store.engine.beforeOpen = () => new Promise<void>((resolve) => (go = resolve));
  const first = rejection(reader.query("content", [], { release: "r000001" }));
  await store.clock.advance(1001);
  expect(await first).toMatchObject({ code: "UNAVAILABLE", message: expect.stringContaining("still being opened") });
  go();
  await settle();
  expect(await asked(reader, "r000001")).toBe("one of r000001");
  expect(store.engine.opened).toHaveLength(2);
});

test("one that does not open is the request's error: the reader is not degraded, and the next request tries anew", async () => {
  const reader = await store.open();
  const degraded: unknown[] = [];
  reader.on("degraded", (event) => void degraded.push(event));
  store.engine.beforeOpen = () => {
    throw new Error("a damaged block");
  };
  await expect(store.clock.until(reader.query("content", [], { release: "r000001" }))).rejects.toThrow("a damaged block");
  store.engine.beforeOpen = () => {};
  expect(reader.status()).toMatchObject({ ok: true, lastManifestError: null });
  expect(degraded).toEqual([]);
  expect(statesOf(reader)).toEqual(["r000005 active"]);
  expect(store.platform.sharedLocks(store.paths.pin("r000001"))).toBe(0);
  expect(await asked(reader, "r000001")).toBe("one of r000001");
});

test("one that is pruned while a request waits for room is RELEASE_UNKNOWN", async () => {
  const reader = await store.open({ limits: { releases: 1 } });
  const held = borrowed(reader, "r000001");
  await store.clock.advance(1);
  const waiting = rejection(reader.query("content", [], { release: "r000002" }));
  await settle();
  store.prune("r000002");
  held.end();
  expect(await store.clock.until(waiting)).toMatchObject({ code: "RELEASE_UNKNOWN", exit: 10, subject: "r000002" });
});

test("a release whose pin prune holds at this moment is waited for, and gone when it is gone", async () => {
  const reader = await store.open();
  store.platform.lockExclusively(store.paths.pin("r000002"));
  const waiting = rejection(reader.query("content", [], { release: "r000002" }));
  await settle();
  store.prune("r000002");
  expect(await store.clock.until(waiting)).toMatchObject({ code: "RELEASE_UNKNOWN" });
});

test("a borrow outlasts any switch, and a rollback to its release serves the same data", async () => {
  const reader = await store.open();
  const held = borrowed(reader, "r000004");
  await store.clock.advance(1);
  for (const content of ["six", "seven"]) store.publishFolder(content);
  expect(await store.answer(reader)).toBe("seven of r000007");
  await store.clock.advance(60_000);
  held.end();
  expect(await held.over).toBe("four");
});

test("the version is the last one it was active under, from the history; there is none for what never was", async () => {
  const reader = await store.open();
  const line = (id: number, version: number) =>
    JSON.stringify({
      id,
      type: "release.switched",
      store: "holdings",
      time: "2026-11-21T00:00:00Z",
      release: "r000001",
      version,
    });
  // A rollback, and an append that a crash cut short.
  store.platform.write(store.paths.history, `${line(1, 1)}\n${line(2, 9)}\n${line(3, 12).slice(0, -5)}`);
  const version = async (release: string) => (await store.clock.until(reader.query("content", [], { release }))).version;
  expect([await version("r000001"), await version("r000002")]).toEqual([9, undefined]);
  expect(reader.status().generations.map((generation) => generation.version)).toEqual([5, 9, undefined]);
});

test.each([
  "",
  "r1",
  "../r000001",
  "r000001/../r000002",
  "R000001",
  "r000001\0",
  "toString",
  "0123456789abcdef",
  "x".repeat(5000),
])("%j names nothing, and nothing is looked for", async (release) => {
  const reader = await store.open();
  const opened = store.platform.opened.length;
  const error = await rejection(reader.query("content", [], { release }));
  expect(error).toMatchObject({ code: "RELEASE_UNKNOWN", exit: 10 });
  expect((error as Error).message.length).toBeLessThan(300);
  expect(store.platform.opened.length).toBe(opened);
});

test("close waits for a borrow of a kept release, and leaves nothing open", async () => {
  const reader = await store.open();
  const held = borrowed(reader, "r000001");
  await asked(reader, "r000002");
  const opening = rejection(reader.query("content", [], { release: "r000003" }));
  const closing = reader.close();
  expect(await store.clock.until(opening)).toMatchObject({ code: "READER_CLOSED" });
  expect(store.engine.openNow.length).toBeGreaterThan(0);
  held.end();
  expect(await store.clock.until(held.over)).toBe("one");
  await store.clock.until(closing);
  expect(store.engine.openNow).toHaveLength(0);
  expect(store.platform.openFiles).toBe(0);
  expect(store.clock.pending).toBe(0);
});
