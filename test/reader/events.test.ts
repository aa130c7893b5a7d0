import { expect, test } from "vitest";
import { settle } from "./support/fake-clock.ts";
import { FakeStore } from "./support/fake-store.ts";

test("a switch tells what serves and what did before, until its listener is taken off", async () => {
  const store = new FakeStore();
  store.publish("a", "one");
  const reader = await store.open();
  const told: unknown[] = [];
  const off = reader.on("switch", (event) => void told.push(event));
  store.publish("b", "two");
  await store.answer(reader);
  off();
  store.publish("a", "three");
  await store.answer(reader);
  expect(told).toEqual([
    {
      mode: "manifest",
      release: "r000002",
      version: 2,
      active: "b",
      lastUpdated: expect.stringMatching(/^2026-11-21T/),
      previous: { release: "r000001", version: 1 },
    },
  ]);
});

test("a listener that throws or rejects does not harm the reader or the other listeners", async () => {
  const store = new FakeStore();
  store.publish("a", "one");
  const reader = await store.open();
  const told: string[] = [];
  reader.on("switch", () => {
    throw new Error("mine");
  });
  reader.on("switch", () => Promise.reject(new Error("later")) as unknown as void);
  reader.on("switch", ({ release }) => void told.push(release));
  store.publish("b", "two");
  expect(await store.answer(reader)).toBe("two of r000002");
  await settle();
  expect(told).toEqual(["r000002"]);
  expect(store.warnings).toEqual(['a listener of "switch" threw: mine', 'a listener of "switch" threw: later']);
});

test("a warning goes to its listeners, and only where there is none to the process", async () => {
  const store = new FakeStore();
  store.publishForeign("a", "one", 2);
  const reader = await store.open();
  const heard: string[] = [];
  const off = reader.on("warning", ({ message }) => void heard.push(message));
  store.publishForeign("b", "two", 1);
  await store.answer(reader);
  expect(heard).toHaveLength(1);
  expect(store.warnings).toEqual([]);
  off();
  store.publishForeign("a", "three", 1);
  await store.answer(reader);
  expect(heard).toHaveLength(1);
  expect(store.warnings).toHaveLength(1);
});
