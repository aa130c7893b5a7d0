import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { beginBuild } from "../../src/release/detached/begin.ts";
import { commitBuild } from "../../src/release/detached/commit.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { readerOn } from "../reader/support/real-reader.ts";
import { manifestBytes, manifestOf, rowsBuild, startOperation, storeIn, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const twoFiles = { space: "2x" } as const;

async function published(folder: string) {
  const store = storeIn(folder, twoFiles);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  return store;
}

test("the inactive slot is gone while the build runs, and a rollback says why; after the switch it goes back as ever", async () => {
  const folder = temporaryFolder();
  const store = await published(folder);
  const bytes = statSync(join(folder, "DB_a.duckdb")).size;
  const { plan } = await publish(store, rowsBuild(3), { dryRun: true });
  expect(plan).toMatchObject({
    bytesFreed: bytes,
    steps: [{ action: "remove", subject: join(folder, "DB_a.duckdb") }, {}, {}, {}, {}],
  });
  expect(existsSync(join(folder, "DB_a.duckdb"))).toBe(true);
  const result = await publish(store, {
    kind: "function",
    async build({ path }) {
      expect(readdirSync(folder).filter((name) => name.endsWith(".duckdb"))).toEqual(["DB_b.duckdb"]);
      expect(readdirSync(join(folder, ".lockkeeper/trash"))).toEqual([]);
      await expect(rollback(store)).rejects.toMatchObject({
        code: "RELEASE_UNKNOWN",
        message: expect.stringContaining('space = "2x"'),
      });
      await writeDatabase(path, "CREATE TABLE t AS SELECT range + 1 AS n FROM range(3)");
    },
  });
  expect(result).toMatchObject({ outcome: "switched", version: 3, previous: { release: "r000002" } });
  expect(await rollback(store)).toMatchObject({ release: "r000002", version: 4 });
});

test("a detached build has the room from its begin on", async () => {
  const folder = temporaryFolder();
  const store = await published(folder);
  const { build, path } = await beginBuild(store);
  expect(readdirSync(folder).filter((name) => name.endsWith(".duckdb"))).toEqual(["DB_b.duckdb"]);
  await writeDatabase(path, "CREATE TABLE t AS SELECT range + 1 AS n FROM range(3)");
  expect(await commitBuild(store, build)).toMatchObject({ outcome: "switched", version: 3 });
  expect(await rollback(store)).toMatchObject({ release: "r000002" });
});

test("the room counts as free, and no more than that", async () => {
  const folder = temporaryFolder();
  const store = await published(folder);
  const bytes = statSync(join(folder, "DB_b.duckdb")).size;
  const freed = statSync(join(folder, "DB_a.duckdb")).size;
  const withFree = (freeBytes: number, space: "2x" | "3x") => ({
    ...store,
    space,
    platform: { ...store.platform, disk: { ...store.platform.disk, freeBytes: async () => freeBytes } },
  });
  await expect(publish(withFree(bytes - freed, "3x"), rowsBuild(3))).rejects.toMatchObject({ code: "DISK_FULL" });
  expect(existsSync(join(folder, "DB_a.duckdb"))).toBe(true);
  expect(await publish(withFree(bytes - freed, "2x"), rowsBuild(3))).toMatchObject({ outcome: "switched" });
});

test("a reader that still drains, or a writer inside, keeps its slot: exit 11, nothing changed", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder, twoFiles);
  await publish(store, rowsBuild(1));
  const reader = await readerOn(folder);
  let leave = () => undefined as void;
  const gate = new Promise<void>((resolve) => (leave = resolve));
  let inside = () => undefined as void;
  const entered = new Promise<void>((resolve) => (inside = resolve));
  const borrowed = reader.borrow(async (generation) => {
    await generation.query("SELECT 1");
    inside();
    await gate;
  });
  await entered;
  await publish(store, rowsBuild(2));
  const manifest = manifestBytes(folder);
  await expect(publish(store, rowsBuild(3))).rejects.toMatchObject({
    code: "SLOT_BUSY",
    exit: 11,
    subject: join(folder, "DB_a.duckdb"),
  });
  expect(existsSync(join(folder, "DB_a.duckdb"))).toBe(true);
  leave();
  await borrowed;
  await reader.close();
  const writer = startOperation(
    folder,
    `const instance = await DuckDBInstance.create(${JSON.stringify(join(folder, "DB_a.duckdb"))});
     console.log("inside");
     await new Promise((resolve) => process.stdin.once("data", resolve));
     instance.closeSync();
     process.exit(0);`,
  );
  await writer.line("inside");
  await expect(publish(store, rowsBuild(3))).rejects.toMatchObject({ code: "SLOT_BUSY", exit: 11 });
  expect(manifestBytes(folder)).toBe(manifest);
  writer.send("end");
  await writer.ended;
  expect(await publish(store, rowsBuild(3))).toMatchObject({ outcome: "switched" });
});

test.each(["space.freed", "build.begun"])(
  "killed at %s: the active release serves on, and the next publish works",
  async (failpoint) => {
    const folder = temporaryFolder();
    const store = await published(folder);
    const child = startOperation({ dir: folder, ...twoFiles }, `return publish(store, rowsBuild(3));`, {
      LOCKKEEPER_FAILPOINTS: `${failpoint}=kill`,
    });
    expect(await child.ended).toMatchObject({ signal: "SIGKILL" });
    expect(manifestOf(folder)).toMatchObject({ version: 2 });
    const reader = await readerOn(folder);
    expect((await reader.query("SELECT count(*)::INT FROM t")).rows).toEqual([[2]]);
    expect(await publish(store, rowsBuild(4))).toMatchObject({ outcome: "switched", version: 3 });
    expect((await reader.query("SELECT count(*)::INT FROM t")).rows).toEqual([[4]]);
  },
);
