import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OpenFile } from "../../src/platform/port.ts";
import { HistoryTail, historyChunkBytes } from "../../src/release/history-tail.ts";
import type { ReleaseStore } from "../../src/release/store.ts";
import { storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const line = (id: number, more: Record<string, unknown> = {}) =>
  `${JSON.stringify({ id, type: "release.switched", store: "holdings", time: "2026-11-21T03:00:00.000Z", version: id, ...more })}\n`;

/** A store with a history of this text. */
function storeWith(text: string): { readonly store: ReleaseStore; readonly path: string } {
  const store = storeIn(temporaryFolder());
  const path = store.paths.history;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return { store, path };
}

/** The store with every open file passed through `wrap`. */
function withFiles(store: ReleaseStore, wrap: (file: OpenFile) => Partial<OpenFile>): ReleaseStore {
  const { files } = store.platform;
  const open: typeof files.open = async (path, mode, permissions) => {
    const file = await files.open(path, mode, permissions);
    const plain = {
      path,
      descriptor: file.descriptor,
      stat: () => file.stat(),
      read: (position: number, bytesMax: number) => file.read(position, bytesMax),
      sync: () => file.sync(),
      close: () => file.close(),
    };
    return { ...plain, ...wrap(file) } as unknown as OpenFile;
  };
  return { ...store, platform: { ...store.platform, files: { ...files, open } } };
}

/** Looks until there is nothing more. */
async function readOn(tail: HistoryTail) {
  const ids: number[] = [];
  const warnings: string[] = [];
  let looks = 0;
  let most = 0;
  for (;;) {
    const { events, warnings: told, more, torn } = await tail.look();
    ids.push(...events.map(({ id }) => id));
    warnings.push(...told);
    looks += 1;
    most = Math.max(most, events.length);
    if (!more) return { ids, warnings, torn, looks, most };
  }
}

const quiet = { warnings: [], torn: undefined };

describe("each whole line once", () => {
  test("a history that does not exist yet, and then does", async () => {
    const store = storeIn(temporaryFolder());
    const tail = new HistoryTail(store);
    expect(await readOn(tail)).toMatchObject({ ids: [], ...quiet });
    mkdirSync(dirname(store.paths.history), { recursive: true });
    expect(await readOn(tail)).toMatchObject({ ids: [], ...quiet });
    writeFileSync(store.paths.history, line(1));
    expect(await readOn(tail)).toMatchObject({ ids: [1], ...quiet });
    expect(await readOn(tail)).toMatchObject({ ids: [], ...quiet });
  });

  test("however the bytes come in", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 12 }), async (steps) => {
        const text = Buffer.from([1, 2, 3, 4, 5].map((id) => line(id, { note: "é".repeat(id) })).join(""));
        const { store, path } = storeWith("");
        const tail = new HistoryTail(store);
        const ids: number[] = [];
        let done = 0;
        for (const step of [...steps, text.length]) {
          appendFileSync(path, text.subarray(done, done + step));
          done += step;
          const told = await readOn(tail);
          expect(told).toMatchObject(quiet);
          ids.push(...told.ids);
        }
        expect(ids).toEqual([1, 2, 3, 4, 5]);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ["a part of a line", line(2).slice(0, 40)],
    ["a whole line with a hole", `${"\0".repeat(40)}${line(2).slice(40)}`],
    ["several lines with holes", `${"\0".repeat(40)}${line(2).slice(40)}\n${"\0".repeat(9)}\n`],
  ])("FACTS 5: a torn end (%s) is not told; cut and written anew, the new line is, once", async (_what, end) => {
    const { store, path } = storeWith(line(1) + end);
    const tail = new HistoryTail(store);
    expect(await readOn(tail)).toMatchObject({ ids: [1], warnings: [] });
    expect(await readOn(tail)).toMatchObject({ ids: [], warnings: [] });
    truncateSync(path, Buffer.byteLength(line(1)));
    expect(await readOn(tail)).toMatchObject({ ids: [], ...quiet });
    appendFileSync(path, line(2));
    expect(await readOn(tail)).toMatchObject({ ids: [2], ...quiet });
  });

  test("FACTS 5: an end that is cut and written anew in the middle of a read gives no line that never was", async () => {
    const torn = line(2, { time: "2026-11-22T00:00:00.000Z" }).slice(0, 90);
    const { store, path } = storeWith(line(1) + torn);
    const anew = line(2, { time: "2026-11-23T00:00:00.000Z", note: "anew" });
    let reads = 0;
    const racing = withFiles(store, (file) => ({
      async read(position, bytesMax) {
        reads += 1;
        if (reads > 1) return file.read(position, bytesMax);
        // A read is several system calls: between two of them the next writer cuts the torn end off and writes its line there.
        const before = await file.read(position, bytesMax);
        truncateSync(path, Buffer.byteLength(line(1)));
        appendFileSync(path, anew);
        return Buffer.concat([before, await file.read(position + before.length, bytesMax)]);
      },
    }));
    const tail = new HistoryTail(racing);
    const first = await tail.look();
    expect(first).toEqual({ events: [], warnings: [], more: true, torn: undefined });
    expect((await tail.look()).events).toMatchObject([{ id: 1 }, { id: 2, time: "2026-11-23T00:00:00.000Z", note: "anew" }]);
  });

  test("a line is on the disk before it is told; who may not fsync is told all the same", async () => {
    const { store } = storeWith(line(1));
    const calls: string[] = [];
    const noting = withFiles(store, (file) => ({
      read: (position, bytesMax) => (calls.push("read"), file.read(position, bytesMax)),
      sync: () => (calls.push("sync"), Promise.reject(new Error("EROFS"))),
    }));
    expect(await readOn(new HistoryTail(noting))).toMatchObject({ ids: [1] });
    expect(calls).toEqual(["read", "sync", "read"]);
  });
});

describe("what cannot be told", () => {
  test("broken lines and lines of a newer version are told with their numbers, and nothing else is lost", async () => {
    const newer = `${JSON.stringify({ id: 3, type: "release.blessed" })}\n`;
    const { store, path } = storeWith(`${line(1)}not json\n${line(2)}${newer}a\nb\n\n${line(4)}`);
    expect(await readOn(new HistoryTail(store))).toMatchObject({
      ids: [1, 2, 4],
      warnings: [
        `line 2 of ${path}: not whole, left out`,
        `line 4 of ${path} is no event that this version knows`,
        `line 5 of ${path} and 2 after it: not whole, left out`,
      ],
      torn: undefined,
    });
  });

  test("a broken line at the end is told as such, and with its number once a line follows it", async () => {
    const { store, path } = storeWith(`${line(1)}not json\n`);
    const tail = new HistoryTail(store);
    expect(await readOn(tail)).toMatchObject({
      ids: [1],
      warnings: [],
      torn: `line 2 of ${path}: not whole, left out; the next writer cuts it off`,
    });
    appendFileSync(path, line(2));
    expect(await readOn(tail)).toMatchObject({ ids: [2], warnings: [`line 2 of ${path}: not whole, left out`] });
    appendFileSync(path, `x\n${line(3)}`);
    expect(await readOn(tail)).toMatchObject({ ids: [3], warnings: [`line 4 of ${path}: not whole, left out`] });
  });

  test.each([
    ["replaced", (path: string, text: string) => (writeFileSync(`${path}.new`, text), renameSync(`${path}.new`, path))],
    ["deleted and made anew", (path: string, text: string) => (rmSync(path), writeFileSync(path, text))],
    ["shortened", (path: string, text: string) => writeFileSync(path, text)],
  ])("a history that was %s is told from its first line, with a warning", async (_what, change) => {
    const { store, path } = storeWith(line(1) + line(2) + line(3));
    const tail = new HistoryTail(store);
    expect(await readOn(tail)).toMatchObject({ ids: [1, 2, 3] });
    change(path, line(1, { note: "of another store" }) + line(2));
    expect(await readOn(tail)).toMatchObject({
      ids: [1, 2],
      warnings: [`${path} is another file than before; its events are told from the first`],
    });
    expect(await readOn(tail)).toMatchObject({ ids: [], ...quiet });
  });

  test.each(["symbolic link", "folder"])("a %s in its place is an error that names it", async (what) => {
    const { store, path } = storeWith("");
    rmSync(path);
    if (what === "folder") mkdirSync(path);
    else await import("node:fs").then(({ symlinkSync }) => symlinkSync("/dev/null", path));
    await expect(new HistoryTail(store).look()).rejects.toMatchObject({ code: "IO_FAILED", subject: path });
  });
});

describe("bounds", () => {
  test("10,000 lines are read in pieces of at most 256 KiB, none twice", async () => {
    const count = 10_000;
    const ids = Array.from({ length: count }, (_, index) => index + 1);
    const text = ids.map((id) => line(id, { note: "n".repeat(200) })).join("");
    const { store } = storeWith(text);
    const sizes: number[] = [];
    let closed = 0;
    const noting = withFiles(store, (file) => ({
      read: (position, bytesMax) => (sizes.push(bytesMax), file.read(position, bytesMax)),
      close: () => ((closed += 1), file.close()),
    }));
    const told = await readOn(new HistoryTail(noting));
    expect(told.ids).toEqual(ids);
    expect(told.looks).toBeGreaterThan(text.length / (256 * 1024));
    expect(told.most).toBeLessThan((256 * 1024) / 300);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024 + 4096);
    // Nothing is held open between two looks.
    expect(closed).toBe(told.looks);
  });

  test("a line that no writer of ours writes, longer than a piece, is passed over and told; what follows it is not lost", async () => {
    const long = `${"x".repeat(historyChunkBytes * 2 + 17)}\n`;
    const { store, path } = storeWith(line(1) + long + line(2) + long);
    const tail = new HistoryTail(store);
    const warning = `line 2 of ${path} begins ${historyChunkBytes} bytes without a whole line, which were left out`;
    const told = await readOn(tail);
    expect(told.ids).toEqual([1, 2]);
    expect(told.warnings[0]).toBe(warning);
    appendFileSync(path, line(3));
    expect(await readOn(tail)).toMatchObject({ ids: [3] });
  });

  test("any number of broken lines is passed over in pieces", async () => {
    const { store } = storeWith(line(1) + "broken\n".repeat(historyChunkBytes / 4) + line(2));
    const told = await readOn(new HistoryTail(store));
    expect(told.ids).toEqual([1, 2]);
    expect(told.warnings.length).toBeGreaterThan(1);
    expect(told.warnings.length).toBeLessThan(20);
  });
});
