import { copyFileSync, linkSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DuckDBInstance } from "@duckdb/node-api";
import { expect, test } from "vitest";
import { Database } from "../../../src/engine/duckdb/database.ts";
import { loadDriver } from "../../../src/engine/duckdb/driver.ts";
import { attach, createInstance } from "../../../src/engine/duckdb/instance.ts";
import { closeWhenUnused, isOpenHere, lease, type Closable, type Lease } from "../../../src/engine/duckdb/registry.ts";
import type { Platform } from "../../../src/platform/port.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { distUrl, startScript } from "../../support/child.ts";
import { errorOf, platform, sampleFile, valueOf } from "./support.ts";

class FakeInstance implements Closable {
  closed = 0;
  closeSync(): void {
    this.closed += 1;
  }
}

function fileIn(folder: string, name = "DB.duckdb"): string {
  const path = join(folder, name);
  writeFileSync(path, name);
  return path;
}

/** Leases a fake instance; `meanwhile` runs while it is being opened. */
async function leaseFake(
  path: string,
  shareKey: string,
  meanwhile: () => void | Promise<void> = () => undefined,
): Promise<Lease<FakeInstance>> {
  return lease(platform, {
    path,
    shareKey,
    make: async () => {
      const instance = new FakeInstance();
      await meanwhile();
      return instance;
    },
  });
}

const searchPath = () => Promise.resolve("DB.main");

test("equal keys on one inode share one instance, also through a hard link and while it is being opened", async () => {
  const folder = temporaryFolder();
  const path = fileIn(folder);
  const link = join(folder, "link.duckdb");
  linkSync(path, link);
  const [first, second, other] = await Promise.all([leaseFake(path, "x"), leaseFake(link, "x"), leaseFake(path, "y")]);
  expect(second.instance).toBe(first.instance);
  expect(other.instance).not.toBe(first.instance);
  first.release();
  first.release();
  other.release();
  expect([first.instance.closed, other.instance.closed]).toEqual([0, 0]);
  const again = await leaseFake(path, "y");
  expect(again.instance).toBe(other.instance);
  again.release();
  second.release();
  expect([first.instance.closed, other.instance.closed]).toEqual([1, 1]);
  expect(isOpenHere(first.file)).toBe(false);
});

test("an instance that was retired is not shared any more, and closes with the inode's last user", async () => {
  const path = fileIn(temporaryFolder());
  const first = await leaseFake(path, "x");
  first.retire();
  const second = await leaseFake(path, "x");
  expect(second.instance).not.toBe(first.instance);
  first.release();
  expect(first.instance.closed).toBe(0);
  second.release();
  expect([first.instance.closed, second.instance.closed]).toEqual([1, 1]);
});

test("a failed open is told to all that waited for it, and leaves nothing behind", async () => {
  const path = fileIn(temporaryFolder());
  const failing = () => lease(platform, { path, shareKey: "x", make: () => Promise.reject(new Error("no")) });
  const outcomes = await Promise.allSettled([failing(), failing()]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const stat = await platform.files.stat(path);
  expect(stat && isOpenHere(stat)).toBe(false);
  (await leaseFake(path, "x")).release();
});

test("a path replaced while it is opened is opened again; the instance on an unsure inode waits until neither is used", async () => {
  const folder = temporaryFolder();
  const path = fileIn(folder);
  const user = await leaseFake(path, "other");
  const instances: FakeInstance[] = [];
  let attempts = 0;
  const moved = await lease(platform, {
    path,
    shareKey: "x",
    make: async () => {
      attempts += 1;
      if (attempts === 1) renameSync(fileIn(folder, "next"), path);
      const instance = new FakeInstance();
      instances.push(instance);
      return Promise.resolve(instance);
    },
  });
  expect(attempts).toBe(2);
  expect(moved.file.inode).not.toBe(user.file.inode);
  expect(instances.map(({ closed }) => closed)).toEqual([0, 0]);
  moved.release();
  expect(instances.map(({ closed }) => closed)).toEqual([0, 1]);
  user.release();
  expect(instances.map(({ closed }) => closed)).toEqual([1, 1]);
  expect([isOpenHere(user.file), isOpenHere(moved.file)]).toEqual([false, false]);
});

/** A platform on which the file at a path has one inode number for ever, as a file system gives it out again and again. */
function oneInode(): Platform {
  const { files } = platform;
  const statNow: typeof files.statNow = (path) => {
    const stat = files.statNow(path);
    return stat && { ...stat, device: 77n, inode: 7n };
  };
  return { ...platform, files: { ...files, statNow } };
}

test("FACTS 5: a path replaced by a file with the same inode number while it is opened is opened again", async () => {
  const folder = temporaryFolder();
  const path = fileIn(folder);
  let attempts = 0;
  const make = (): Promise<FakeInstance> => {
    attempts += 1;
    if (attempts === 1) renameSync(fileIn(folder, "another length"), path);
    return Promise.resolve(new FakeInstance());
  };
  const leased = await lease(oneInode(), { path, shareKey: "x", make });
  expect(attempts).toBe(2);
  leased.release();
  expect(leased.instance.closed).toBe(1);
});

test("FACTS 5: nobody shares an instance that was begun on an earlier file with the same inode number", async () => {
  const folder = temporaryFolder();
  const path = fileIn(folder);
  let begin = (): void => {};
  const began = new Promise<void>((resolve) => (begin = resolve));
  const makeSlowly = async (): Promise<FakeInstance> => {
    await began;
    return new FakeInstance();
  };
  const slow = lease(oneInode(), { path, shareKey: "x", make: makeSlowly });
  renameSync(fileIn(folder, "another length"), path);
  const second = await lease(oneInode(), { path, shareKey: "x", make: () => Promise.resolve(new FakeInstance()) });
  begin();
  const first = await slow;
  expect(first.instance).toBe(second.instance);
  first.release();
  expect(second.instance.closed).toBe(0);
  second.release();
  expect(second.instance.closed).toBe(1);
});

test("a path that never rests is given up after a bounded number of opens", async () => {
  const folder = temporaryFolder();
  const path = fileIn(folder);
  let attempts = 0;
  const error = await errorOf(
    leaseFake(path, "x", () => {
      attempts += 1;
      renameSync(fileIn(folder, `next${attempts}`), path);
    }),
  );
  expect(error).toMatchObject({ code: "FILE_LOCKED", message: expect.stringContaining("again and again") });
  expect(attempts).toBe(5);
});

test("a path removed while it is opened is FILE_MISSING", async () => {
  const folder = temporaryFolder();
  const path = fileIn(folder);
  expect((await errorOf(leaseFake(path, "x", () => renameSync(path, join(folder, "away"))))).code).toBe("FILE_MISSING");
});

test("descriptors given back while the inode is used are closed with its last user, and at once without one", async () => {
  const path = fileIn(temporaryFolder());
  const user = await leaseFake(path, "x");
  const kept = await platform.files.open(path, "read");
  await closeWhenUnused(platform, kept);
  expect((await kept.stat()).kind).toBe("file");
  user.release();
  const next = await leaseFake(path, "x");
  await expect(kept.stat()).rejects.toThrow("closed");
  next.release();
  const alone = await platform.files.open(path, "read");
  await closeWhenUnused(platform, alone);
  await expect(alone.stat()).rejects.toThrow("closed");
});

test("two copies of the package in one process share the registry", async () => {
  const path = await sampleFile();
  const folder = temporaryFolder();
  const child = startScript(`
    import { cpSync, symlinkSync } from "node:fs";
    import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
    import { duckdbEngine } from ${JSON.stringify(distUrl("engine/duckdb/engine.js"))};
    const folder = ${JSON.stringify(folder)};
    cpSync(new URL(${JSON.stringify(distUrl("./"))}), folder + "/dist", { recursive: true });
    symlinkSync(new URL(${JSON.stringify(distUrl("../node_modules"))}), folder + "/node_modules");
    cpSync(new URL(${JSON.stringify(distUrl("../package.json"))}), folder + "/package.json");
    const copy = await import(folder + "/dist/engine/duckdb/engine.js");
    const options = { path: ${JSON.stringify(path)}, names: ["DB"], concurrency: 1, settings: {} };
    const mine = await duckdbEngine(nodePlatform()).open(options);
    const theirs = await copy.duckdbEngine(nodePlatform()).open(options);
    await theirs.close();
    console.log("open " + (copy.duckdbEngine !== duckdbEngine) + " " + copy.duckdbEngine(nodePlatform()).isOpenHere(mine.file));
    await mine.close();
    console.log("closed " + copy.duckdbEngine(nodePlatform()).isOpenHere(mine.file));
  `);
  expect(await child.line("open ")).toBe("open true true");
  expect(await child.line("closed ")).toBe("closed false");
});

/** A connection whose every query fails the way the engine does after an internal error. */
function brokenInstance(): DuckDBInstance {
  const fail = () => Promise.reject(new Error("INTERNAL Error: assertion failed\n\nStack Trace:\n/usr/lib/secret.so"));
  const connection = {
    run: () => Promise.resolve(),
    extractStatements: fail,
    prepare: fail,
    closeSync: () => undefined,
    interrupt: () => undefined,
  };
  return { connect: () => Promise.resolve(connection), closeSync: () => undefined } as unknown as DuckDBInstance;
}

test("FACTS 1.12: after an internal error a new instance on the same inode takes over", async () => {
  const path = await sampleFile(7);
  let opened = 0;
  const open = () =>
    lease(platform, {
      path,
      shareKey: "fatal",
      make: async () => {
        opened += 1;
        return opened === 1 ? brokenInstance() : attach(await createInstance({}), { path, names: ["DB"], access: "READ_ONLY" });
      },
    });
  const database = await Database.open({ platform, driver: await loadDriver(), path, searchPath, concurrency: 2, lease: open });
  const error = await errorOf(database.query("SELECT 1", undefined, {}));
  expect(error).toMatchObject({ code: "QUERY_FAILED", message: "INTERNAL Error: assertion failed" });
  expect(await valueOf(database, "SELECT count(*) FROM t")).toBe("7");
  expect(opened).toBe(2);
  await database.close();
  expect(isOpenHere(database.file)).toBe(false);
});

test("FACTS 1.12: where the path holds another file by then, the broken one goes on refusing: never another release's data", async () => {
  const path = await sampleFile(7);
  let opened = 0;
  const open = () =>
    lease(platform, {
      path,
      shareKey: "fatal",
      make: async () => {
        opened += 1;
        return opened === 1 ? brokenInstance() : attach(await createInstance({}), { path, names: ["DB"], access: "READ_ONLY" });
      },
    });
  const database = await Database.open({ platform, driver: await loadDriver(), path, searchPath, concurrency: 2, lease: open });
  const next = join(dirname(path), "next.duckdb");
  copyFileSync(await sampleFile(8), next);
  renameSync(next, path);
  for (let round = 0; round < 3; round += 1) {
    expect((await errorOf(database.query("SELECT count(*) FROM t", undefined, {}))).message).toBe(
      "INTERNAL Error: assertion failed",
    );
  }
  await database.close();
  expect(isOpenHere(database.file)).toBe(false);
});
