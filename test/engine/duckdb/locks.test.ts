import { copyFileSync, linkSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { defaultConcurrency } from "../../../src/engine/duckdb/engine.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { engine, errorOf, holdForWriting, openFile, platform, sampleFile, valueOf, writeFromOutside } from "./support.ts";

test("FACTS 1.1, 1.2: a file that another process writes is FILE_LOCKED, with its PID and program", async () => {
  const path = await sampleFile();
  const writer = await holdForWriting(path);
  const error = await errorOf(openFile(path));
  expect(error).toMatchObject({ code: "FILE_LOCKED", exit: 11, subject: path, holder: { pid: writer.pid } });
  expect(error.holder?.command).toContain("node");
  expect((await errorOf(engine.checkpoint(path))).code).toBe("FILE_LOCKED");
  writer.send("end");
  await writer.ended;
  expect(await valueOf(await openFile(path), "SELECT count(*) FROM t")).toBe("1000");
});

test("FACTS 1.2: a lock held by an open-file-description lock has no holder to name", async () => {
  const path = await sampleFile();
  const file = await platform.files.open(path, "update");
  expect(platform.locks.tryLock(file, "exclusive")).toBe(true);
  const error = await errorOf(openFile(path));
  expect(error).toMatchObject({ code: "FILE_LOCKED", holder: undefined });
  await engine.closeWhenUnused(file);
  await openFile(path);
});

test("an open reader keeps a second process from writing; a closed one does not", async () => {
  const path = await sampleFile();
  const database = await openFile(path);
  expect(await writeFromOutside(path)).toContain(`PID ${process.pid}`);
  await database.close();
  expect(await writeFromOutside(path)).toBe("free");
});

test("FACTS 1.3: the trap itself: any other read of the file in this process drops the lock", async () => {
  const path = await sampleFile();
  await openFile(path);
  expect(await writeFromOutside(path)).toContain("Conflicting lock");
  readFileSync(path);
  expect(await writeFromOutside(path)).toBe("free");
});

test("FACTS 1.3: hashing, inspecting and closing another reader of the file keep the lock", async () => {
  const path = await sampleFile();
  const first = await openFile(path);
  await engine.digest([path]);
  expect(await writeFromOutside(path)).toContain("Conflicting lock");
  const inspection = await engine.inspect(path, "DB");
  await inspection.close();
  expect(await writeFromOutside(path)).toContain("Conflicting lock");
  const second = await openFile(path, { names: ["other"] });
  const third = await openFile(path);
  await second.close();
  await third.close();
  expect(await writeFromOutside(path)).toContain("Conflicting lock");
  await first.close();
  expect(await writeFromOutside(path)).toBe("free");
});

test("FACTS 1.3: a second path to the inode shares it: hard link, symbolic link, the same slot again", async () => {
  const path = await sampleFile();
  const hardLink = join(dirname(path), "hard.duckdb");
  const softLink = join(dirname(path), "soft.duckdb");
  linkSync(path, hardLink);
  symlinkSync(path, softLink);
  const first = await openFile(path);
  for (const other of [hardLink, softLink, path]) {
    const second = await openFile(other, { names: ["another"] });
    expect(second.file).toEqual(first.file);
    await second.close();
    expect(await writeFromOutside(path)).toContain("Conflicting lock");
  }
});

test("FACTS 1.3: a descriptor of ours on an open file is unlocked at once and closed with the last instance", async () => {
  const path = await sampleFile();
  const file = await platform.files.open(path, "read");
  expect(platform.locks.tryLock(file, "shared")).toBe(true);
  const database = await openFile(path);
  expect(engine.isOpenHere(await file.stat())).toBe(true);
  await engine.closeWhenUnused(file);
  expect(await writeFromOutside(path)).toContain("Conflicting lock");
  expect((await file.stat()).bytes).toBeGreaterThan(0);
  await database.close();
  expect(await writeFromOutside(path)).toBe("free");
  await expect(file.stat()).rejects.toThrow("closed");
  const stat = await platform.files.stat(path);
  expect(stat && engine.isOpenHere(stat)).toBe(false);
});

test("FACTS 1.3: an open that comes while such a descriptor is being closed waits, and has its lock", async () => {
  const path = await sampleFile();
  for (let round = 0; round < 20; round += 1) {
    const file = await platform.files.open(path, "read");
    const closing = engine.closeWhenUnused(file);
    const database = await openFile(path);
    await closing;
    if (round % 5 === 0) expect(await writeFromOutside(path)).toContain("Conflicting lock");
    await database.close();
  }
});

test("FACTS 1.4: a file that this process reads is not opened for writing, and not read while it is written", async () => {
  const path = await sampleFile();
  const database = await openFile(path);
  expect(await errorOf(engine.checkpoint(path))).toMatchObject({ code: "FILE_LOCKED", holder: { pid: process.pid } });
  await database.close();
  const [checkpointed, opened] = await Promise.allSettled([engine.checkpoint(path), openFile(path)]);
  expect(checkpointed.status).toBe("fulfilled");
  expect(opened).toMatchObject({ status: "rejected", reason: { code: "FILE_LOCKED" } });
  await openFile(path);
});

test("FACTS 1.6: closing under load interrupts, awaits and closes; no thread is left behind", async () => {
  const path = await sampleFile();
  for (let round = 0; round < 6; round += 1) {
    const database = await openFile(path, { concurrency: 4 });
    const endless = Array.from({ length: 8 }, () =>
      errorOf(database.query("SELECT count(*) FROM range(1000000000000)", undefined, {})),
    );
    expect(database.inFlight).toBe(8);
    await platform.files.stat(path);
    await database.close();
    for (const error of await Promise.all(endless)) expect(error.code).toBe("INTERRUPTED");
    expect(database.inFlight).toBe(0);
  }
  // Every thread of the pool answers: one that deadlocked would not.
  await Promise.all(Array.from({ length: 32 }, () => platform.files.stat(path)));
  expect(await writeFromOutside(path)).toBe("free");
});

test("a path that is replaced while readers come and go gives each one whole file, and closes all of them", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "DB.duckdb");
  const [small, large] = [await sampleFile(10), await sampleFile(20)];
  copyFileSync(small, path);
  for (let round = 0; round < 30; round += 1) {
    const next = join(folder, "next.duckdb");
    copyFileSync(round % 2 === 0 ? large : small, next);
    const opening = openFile(path, { names: [`DB${round}`] });
    await platform.files.rename(next, path);
    const database = await opening;
    expect(["10", "20"]).toContain(await valueOf(database, "SELECT count(*) FROM t"));
    const stat = await platform.files.stat(path);
    if (stat?.inode === database.file.inode) {
      expect(await valueOf(database, "SELECT count(*) FROM t")).toBe(round % 2 === 0 ? "20" : "10");
    }
    await database.close();
    expect(engine.isOpenHere(database.file)).toBe(false);
  }
  renameSync(path, join(folder, "gone.duckdb"));
  expect((await errorOf(openFile(path))).code).toBe("FILE_MISSING");
});

test("FACTS 1.9: the concurrency stays below the pool's threads", () => {
  expect(defaultConcurrency({})).toBe(3);
  expect(defaultConcurrency({ UV_THREADPOOL_SIZE: "16" })).toBe(15);
  expect(defaultConcurrency({ UV_THREADPOOL_SIZE: "1" })).toBe(1);
  expect(defaultConcurrency({ UV_THREADPOOL_SIZE: "many" })).toBe(3);
});
