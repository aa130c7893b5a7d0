import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodePlatform } from "../../src/platform/node.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { manifestOf, rowsBuild, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { openDatabases } from "./support/descriptors.ts";
import { readerOn, until } from "./support/real-reader.ts";

const rows = "SELECT count(*)::INT FROM t";

test("a reader follows publishes and rollbacks, pinned, and lets every pin and file go", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const reader = await readerOn(folder);
  const told: string[] = [];
  reader.on("switch", ({ previous, release, version }) => void told.push(`${previous.release} > ${release} as ${version}`));
  for (const count of [2, 3]) {
    await publish(store, rowsBuild(count));
    const result = await reader.query(rows);
    expect([result.rows[0]?.[0], result.release, result.version]).toEqual([count, `r00000${count}`, count]);
  }
  await rollback(store);
  const back = await reader.query(rows);
  expect([back.rows[0]?.[0], back.release, back.version]).toEqual([2, "r000002", 4]);
  expect(told).toEqual(["r000001 > r000002 as 2", "r000002 > r000003 as 3", "r000003 > r000002 as 4"]);
  await until(() => reader.status().generations.length === 1);
  const pins = [".lockkeeper/pins/r000002.pin", "DB_b.duckdb"];
  expect(openDatabases(folder) ?? pins).toEqual(pins);
  await reader.close();
  expect(openDatabases(folder) ?? []).toEqual([]);
});

test("a pin is a lock that the kernel shows to others", async () => {
  const folder = temporaryFolder();
  await publish(storeIn(folder), rowsBuild(1));
  const platform = nodePlatform();
  const path = join(folder, ".lockkeeper/pins/r000001.pin");
  const locks = async () => {
    const stat = await platform.files.stat(path);
    return stat && platform.locks.count(stat);
  };
  const free = await locks();
  const reader = await readerOn(folder);
  expect(reader.status().pinned).toBe(true);
  const held = await locks();
  await reader.close();
  expect([free, held, await locks()]).toEqual(free === undefined ? [undefined, undefined, undefined] : [0, 1, 0]);
});

test("the same data is served to two readers of one process, and one's close does not harm the other (FACTS 1.3)", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const [one, two] = [await readerOn(folder), await readerOn(folder)];
  await one.close();
  const slot = join(folder, "DB_a.duckdb");
  const platform = nodePlatform();
  const stat = await platform.files.stat(slot);
  const locks = stat && (await platform.locks.count(stat));
  expect(locks ?? 1).toBe(1);
  expect((await two.query(rows)).rows[0]?.[0]).toBe(1);
});

test("FACTS 2.4: a → b → a while a still drains: each request keeps its release, nothing is left open", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const reader = await readerOn(folder);
  let done = (): void => {};
  const borrowed = reader.borrow(async (release) => {
    await new Promise<void>((resolve) => (done = resolve));
    return (await release.query(rows)).rows[0]?.[0];
  });
  await publish(store, rowsBuild(2));
  expect((await reader.query(rows)).rows[0]?.[0]).toBe(2);
  await rollback(store);
  expect((await reader.query(rows)).rows[0]?.[0]).toBe(1);
  expect(reader.status().generations.map(({ state }) => state)).toContain("draining");
  done();
  expect(await borrowed).toBe(1);
  await until(() => reader.status().generations.length === 1);
  expect((await reader.query(rows)).rows[0]?.[0]).toBe(1);
});

test("an edit of our manifest by another program makes the release foreign: served, unpinned", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  writeFileSync(join(folder, "db_manifest.json"), JSON.stringify({ ...manifestOf(folder), active: "a", version: 9 }));
  const reader = await readerOn(folder);
  expect((await reader.query(rows)).release).toBe("v9-a");
  expect(reader.status()).toMatchObject({ pinned: false, servingVersion: 9 });
});

test("a build that was not switched, and one under way, are nothing to a reader", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const reader = await readerOn(folder);
  const before = statSync(join(folder, "db_manifest.json")).ino;
  await expect(publish(store, { kind: "function", build: () => Promise.reject(new Error("no data")) })).rejects.toThrow(
    "no data",
  );
  expect(statSync(join(folder, "db_manifest.json")).ino).toBe(before);
  expect((await reader.query(rows)).release).toBe("r000001");
});
