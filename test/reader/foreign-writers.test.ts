import { expect, test } from "vitest";
import { badSettleMs } from "../../src/reader/follower.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { ForeignWriter, type ManifestStyle } from "./support/foreign-writer.ts";
import { readerOn, startLoad, until, wholeSql, wholeValue } from "./support/real-reader.ts";

test.each<ManifestStyle>(["rename", "truncate", "unlink", "in-place"])(
  "a foreign writer that renames its slot and replaces the manifest by %s: no failed, mixed or stale answer",
  async (style) => {
    const folder = temporaryFolder();
    const writer = new ForeignWriter(folder);
    await writer.build(writer.slot("a"), 1, { rename: true });
    await writer.manifest("rename", "a", 1);
    const reader = await readerOn(folder);
    const degraded: string[] = [];
    reader.on("degraded", ({ error }) => void degraded.push(error.message));
    const load = startLoad(reader, 4);
    let slow = 0;
    for (let version = 2; version <= 16; version += 1) {
      const slot = version % 2 === 0 ? "b" : "a";
      expect(await writer.build(writer.slot(slot), version, { rename: true })).toBe("ok");
      const startedAt = performance.now();
      expect(await writer.manifest(style, slot, version)).toBe("ok");
      if (performance.now() - startedAt > badSettleMs) slow += 1;
      const result = await reader.query(wholeSql);
      expect([wholeValue(result), result.release]).toEqual([version, `v${version}-${slot}`]);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.backwards).toEqual([]);
    expect(new Set(load.values).size).toBeGreaterThan(3);
    // A writer that a busy machine holds up in the middle of its manifest leaves a bad one for longer than a reader overlooks.
    expect(degraded.slice(slow)).toEqual([]);
  },
);

test("FACTS 5: a foreign writer that rebuilds its slot in place and alternates {a,1} and {b,1}: no lock error on either side", async () => {
  const folder = temporaryFolder();
  const writer = new ForeignWriter(folder);
  await writer.build(writer.slot("a"), 1, { rename: false });
  await writer.manifest("in-place", "a", 1);
  const busy = await readerOn(folder, { drainTimeoutMs: 1000 });
  const idle = await readerOn(folder, { drainTimeoutMs: 1000, pollMs: 5 });
  const readers = [busy, idle];
  for (const reader of readers) reader.on("warning", () => {});
  const load = startLoad(busy, 4);
  for (let night = 2; night <= 20; night += 1) {
    const slot = night % 2 === 0 ? "b" : "a";
    expect(await writer.build(writer.slot(slot), night, { rename: false })).toBe("ok");
    expect(await writer.manifest("in-place", slot, 1)).toBe("ok");
    await until(() => readers.every((reader) => reader.status().active === slot && reader.status().generations.length === 1));
    expect(wholeValue(await idle.query(wholeSql))).toBe(night);
  }
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(load.backwards).toEqual([]);
});

test("a foreign writer that is still inside the slot when it switches is waited for, not failed", async () => {
  const folder = temporaryFolder();
  const writer = new ForeignWriter(folder);
  await writer.build(writer.slot("a"), 1, { rename: false });
  await writer.manifest("in-place", "a", 1);
  const reader = await readerOn(folder);
  expect(await writer.hold(writer.slot("b"))).toBe("ok");
  await writer.manifest("in-place", "b", 2);
  const early = reader.query(wholeSql);
  expect(await writer.release(2)).toBe("ok");
  const result = await early;
  expect([wholeValue(result), result.version]).toEqual([2, 2]);
});
