import { expect, test } from "vitest";
import { ModelDisk } from "./disk.ts";
import { Machine } from "./machine.ts";
import { describeCut, diskAfterCut, isExhaustive, powerCuts, type CutBounds } from "./power-cut.ts";
import { Seed } from "../seed.ts";

const bounds: CutBounds = { exhaustiveMax: 10_000, samples: 0, random: () => 0 };

/** Every content that a power cut may leave under a name; `undefined` where the name may be missing. */
function outcomes(disk: ModelDisk, path: string): Set<string | undefined> {
  expect(isExhaustive(disk, bounds)).toBe(true);
  return new Set([...powerCuts(disk, bounds)].map((cut) => diskAfterCut(disk, cut).find(path)?.content.toString()));
}

function process() {
  const machine = new Machine(new ModelDisk(), new Seed(1));
  const { platform } = machine.start("test");
  return { ...platform, disk: machine.disk, machine };
}

async function write(files: ReturnType<typeof process>["files"], path: string, text: string) {
  const file = await files.open(path, "update");
  await file.write(Buffer.from(text), 0);
  return file;
}

test("a file is there for certain only when its content and its folder were fsynced", async () => {
  const { disk, files } = process();
  const file = await write(files, "/f", "abcd");
  expect(outcomes(disk, "/f")).toEqual(new Set([undefined, "", "ab", "abcd", "\0\0\0\0", "ab\0\0", "\0\0cd"]));
  await files.syncFolder("/");
  expect(outcomes(disk, "/f").has(undefined)).toBe(false);
  expect(outcomes(disk, "/f").has("")).toBe(true);
  await file.sync();
  expect(outcomes(disk, "/f")).toEqual(new Set(["abcd"]));
});

test("what was fsynced is not torn by an append; an overwrite is", async () => {
  const { disk, files } = process();
  const file = await write(files, "/f", "abcd");
  await file.sync();
  await files.syncFolder("/");
  await file.write(Buffer.from("ef"), 4);
  for (const content of outcomes(disk, "/f")) expect(content).toMatch(/^abcd/);
  await file.sync();
  await file.write(Buffer.from("XY"), 0);
  expect(outcomes(disk, "/f")).toContain("\0\0\0\0\0\0");
});

test("a file renamed within a folder is at the old name or the new one, with the target's old content until the folder is fsynced", async () => {
  const { disk, files } = process();
  for (const [path, text] of [
    ["/old", "1"],
    ["/new", "2"],
  ] as const) {
    const file = await write(files, path, text);
    await file.sync();
  }
  await files.syncFolder("/");
  await files.rename("/old", "/new");
  expect(outcomes(disk, "/new")).toEqual(new Set(["1", "2"]));
  expect(outcomes(disk, "/old")).toEqual(new Set(["1", undefined]));
  await files.syncFolder("/");
  expect(outcomes(disk, "/new")).toEqual(new Set(["1"]));
  expect(outcomes(disk, "/old")).toEqual(new Set([undefined]));
});

test("a file renamed into another folder is never at neither name, and may be at both", async () => {
  const { disk, files } = process();
  await files.makeFolder("/a");
  await files.makeFolder("/b");
  const file = await write(files, "/a/f", "1");
  await file.sync();
  await files.syncFolder("/a");
  await files.syncFolder("/");
  await files.rename("/a/f", "/b/f");
  const lines = new Set([...powerCuts(disk, bounds)].map((cut) => describeCut(disk, cut)));
  expect([...lines].filter((text) => !text.includes("/f"))).toEqual([]);
  expect([...lines].some((text) => text.includes("/b/f = /a/f"))).toBe(true);
  await files.syncFolder("/b");
  expect(outcomes(disk, "/b/f")).toEqual(new Set(["1"]));
  expect(outcomes(disk, "/a/f")).toEqual(new Set(["1", undefined]));
});

test("a folder renamed into another folder is at one of its two names, never at both", async () => {
  const { disk, files } = process();
  await files.makeFolder("/a");
  await files.makeFolder("/b");
  await files.makeFolder("/a/f");
  await files.syncFolder("/a");
  await files.syncFolder("/");
  await files.rename("/a/f", "/b/f");
  const namesAfterCuts = (): Set<string> =>
    new Set(
      [...powerCuts(disk, bounds)].map(
        (cut) =>
          describeCut(disk, cut)
            .match(/\/[ab]\/f.*/g)
            ?.join() ?? "nowhere",
      ),
    );
  expect(namesAfterCuts()).toEqual(new Set(["/a/f/", "/b/f/"]));
  await files.syncFolder("/b");
  expect(namesAfterCuts()).toEqual(new Set(["/b/f/"]));
});

test("what lies in a folder whose own name is not durable may be gone with it", async () => {
  const { disk, files } = process();
  await files.makeFolder("/a");
  const file = await write(files, "/a/f", "1");
  await file.sync();
  await files.syncFolder("/a");
  expect(outcomes(disk, "/a/f")).toEqual(new Set(["1", undefined]));
});

test("after a failed fsync the next one reports success and writes nothing", async () => {
  const { disk, files, machine } = process();
  const file = await write(files, "/f", "ab");
  await files.syncFolder("/");
  machine.gate = ({ operation }) => {
    if (operation === "sync") throw new Error("EIO");
  };
  await expect(file.sync()).rejects.toThrow("EIO");
  machine.gate = () => {};
  await file.sync();
  expect(outcomes(disk, "/f").has("")).toBe(true);
});

test("locks belong to a descriptor, exclude by mode, and go with the process", async () => {
  const { machine, files, locks } = process();
  const other = machine.start("other");
  const mine = await files.open("/lock", "update");
  const theirs = await other.platform.files.open("/lock", "update");
  const reading = await files.open("/lock", "read");
  expect(other.platform.locks.tryLock(theirs, "exclusive")).toBe(true);
  expect([locks.tryLock(mine, "exclusive"), locks.tryLock(reading, "shared")]).toEqual([false, false]);
  expect(() => locks.tryLock(reading, "exclusive")).toThrow("EBADF");
  other.kill();
  expect([locks.tryLock(reading, "shared"), locks.tryLock(mine, "shared"), locks.tryLock(mine, "exclusive")]).toEqual([
    true,
    true,
    false,
  ]);
});

test("a killed process does nothing more", async () => {
  const { machine } = process();
  const dying = machine.start("dying");
  dying.diesBefore = (operation) => operation === "rename";
  const file = await dying.platform.files.open("/a", "create");
  void dying.platform.files.rename("/a", "/b");
  await dying.death();
  expect([machine.disk.find("/a")?.kind, machine.disk.find("/b"), dying.open.has(file as never)]).toEqual([
    "file",
    undefined,
    false,
  ]);
});
