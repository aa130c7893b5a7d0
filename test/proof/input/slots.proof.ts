import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { checkRelease } from "../../../src/release/check.ts";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { openReader } from "../../../src/workspace/open-reader.ts";
import { rowsBuild, sha256Of, storeIn } from "../../support/store.ts";
import { proofLedger } from "../ledger.ts";
import type { SlotEnd, SlotPlace, SlotShape } from "./shapes/slot-shape.ts";
import { damagedFiles, slotShapes, strangeFiles, surroundings } from "./shapes/slots.ts";
import { clear, putBytes } from "./support/place.ts";
import { degradedBy, recovered, servingReader } from "./support/serving.ts";
import { good, rowsSql, templateStore } from "./support/template.ts";
import { treeOf } from "./support/tree.ts";

const template = templateStore(["CREATE TABLE more AS SELECT random() AS value FROM range(200000)"]);
const ledger = proofLedger("slots", "1-shapes");
const kinds: readonly { readonly fault: string; readonly shapes: readonly SlotShape[] }[] = [
  { fault: "missing, damaged, of another size or of another engine", shapes: damagedFiles },
  { fault: "a folder, FIFO, socket, or a link out of the folder, to itself, to nowhere or to a device", shapes: strangeFiles },
  {
    fault:
      "a log beside it, a writer inside, a link inside the folder, both slots one file, other bytes or the same in another file",
    shapes: surroundings,
  },
];
const passed = new Map<string, Set<SlotShape>>();

/** One row a kind, when all of its shapes have passed a door. */
function pass(operation: string, shape: SlotShape, outcome: string): void {
  const through = passed.get(operation) ?? new Set();
  passed.set(operation, through.add(shape));
  const kind = kinds.find(({ shapes }) => shapes.includes(shape));
  if (kind === undefined || !kind.shapes.every((each) => through.has(each))) return;
  ledger.add({ operation, fault: kind.fault, outcome, count: kind.shapes.length });
}

async function laid(shape: SlotShape, slot: "a" | "b"): Promise<SlotPlace & { readonly takeAway: () => Promise<void> }> {
  const folder = template.copy();
  const path = join(folder, `DB_${slot}.duckdb`);
  const place = { folder, path, other: join(folder, `DB_${slot === "a" ? "b" : "a"}.duckdb`), bytes: readFileSync(path) };
  const undo = await shape.lay(place);
  let over = false;
  const takeAway = async (): Promise<void> => {
    if (!over) await undo?.();
    over = true;
  };
  onTestFinished(takeAway);
  return { ...place, takeAway };
}

async function endOf(operation: Promise<unknown>): Promise<{ readonly end: SlotEnd; readonly message: string }> {
  try {
    await operation;
    return { end: "done", message: "" };
  } catch (error) {
    if (!isLockkeeperError(error)) throw error;
    return { end: error.code, message: error.message };
  }
}

/** Opens, asks and closes a reader; never with less than the whole release. */
async function opens(dir: string): Promise<void> {
  const reader = await openReader({ dir, fallback: join(dir, "DB_a.duckdb") });
  try {
    expect((await reader.query(rowsSql)).rows).toEqual([[good.rows]]);
  } finally {
    await reader.close();
  }
}

describe("in the place of the active release's file", () => {
  test.each(slotShapes)("$name: a serving reader serves on and recovers", async (shape) => {
    const folder = template.copy();
    const place = template.place(folder);
    const path = join(folder, "DB_b.duckdb");
    const bytes = readFileSync(path);
    const serving = await servingReader(folder);
    // A writer cannot come in while a reader has the file open; it comes into a file that was put there.
    if (shape.own === "FILE_LOCKED") putBytes(path, bytes);
    const undo = await shape.lay({ folder, path, other: join(folder, "DB_a.duckdb"), bytes });
    place.restore();
    if (shape.own === "done") await recovered(serving);
    else await degradedBy(serving, { code: shape.own, says: shape.says });
    expect(serving.failures).toEqual([]);
    await undo?.();
    clear(`${path}.wal`);
    putBytes(path, bytes);
    place.restore();
    await recovered(serving);
    pass(
      "the active slot, under a serving reader",
      shape,
      "no request fails; the reader stays on the data it has open until the file is whole, and says why",
    );
  });

  test.each(slotShapes)("$name: a starting reader says so and takes no fallback instead", async (shape) => {
    const { folder, path } = await laid(shape, "b");
    const own = await endOf(opens(folder));
    expect(own.end).toBe(shape.own);
    if (own.end !== "done")
      expect([own.message.includes(path), own.message]).toEqual([true, expect.stringContaining(shape.says)]);
    putBytes(join(folder, "db_manifest.json"), `{"active": "b", "version": 2}`);
    // What another program published without a record is that program's to answer for, as long as it opens.
    const foreign = shape.foreign === undefined ? { end: undefined, message: path } : await endOf(opens(folder));
    expect(foreign).toMatchObject({ end: shape.foreign, message: expect.stringContaining(foreign.end === "done" ? "" : path) });
    pass(
      "the active slot, a starting reader",
      shape,
      "opens what is whole; else an error that names file and fault, never the fallback",
    );
  });

  test.each(slotShapes)("$name: check finds it, publish and rollback lead out of it", async (shape) => {
    const { folder } = await laid(shape, "b");
    const store = storeIn(folder);
    const found: string[] = [];
    const checked = await endOf(
      checkRelease(store).then(({ checks }) =>
        found.push(...checks.flatMap((each) => (each.status === "fail" ? [each.message] : []))),
      ),
    );
    if (checked.end !== "done") found.push(checked.message);
    expect(found.length > 0 ? "found" : "clean").toBe(shape.check ?? (shape.own === "done" ? "clean" : "found"));
    for (const message of found) expect(message).toContain("DB_b.duckdb");
    expect((await endOf(rollback(store))).end).toBe("done");
    pass(
      "the active slot, check and rollback",
      shape,
      "check finds what differs from the record and names the file; rollback goes back to the other slot",
    );
  });

  test.each(slotShapes)("$name: publish", async (shape) => {
    const { folder, takeAway } = await laid(shape, "b");
    const outcome = await endOf(publish(storeIn(folder), rowsBuild(good.rows)));
    expect(outcome.end).toBe(shape.publishBeside ?? "done");
    await takeAway();
    if (outcome.end === "done") await opens(folder);
    pass(
      "the active slot, publish",
      shape,
      "the next release goes out in the other slot (a size of 1 TB is taken for the space needed: exit 15)",
    );
  });
});

/** The doors to a store whose inactive slot is `shape`. */
async function inactive(shape: SlotShape): Promise<void> {
  const place = await laid(shape, "a");
  const { folder, path, other } = place;
  const active = sha256Of(other);
  await opens(folder);
  const tree = treeOf(folder);
  const back = await endOf(rollback(storeIn(folder)));
  expect(back.end).toBe(shape.rollback);
  if (back.end === "done") return;
  expect(back.message).toMatch(/DB_a|slot a/);
  expect(treeOf(folder)).toEqual(tree);
  const out = await endOf(publish(storeIn(folder), rowsBuild(3)));
  expect(out.end).toBe(shape.publish);
  expect(sha256Of(other)).toBe(active);
  if (out.end === "done") return;
  expect(out.message).toContain(path);
  await place.takeAway();
  await opens(folder);
}

describe("in the place of the inactive slot's file", () => {
  test.each(slotShapes)("$name: readers do not mind, and the active release stays", async (shape) => {
    await inactive(shape);
    const outcome =
      "readers do not mind; rollback takes only the bytes of its record; publish replaces a regular file nobody writes to, and nothing else";
    pass("the inactive slot, every door", shape, outcome);
  });
});
