import { appendFileSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { historyOf, manifestBytes, manifestOf, rowsBuild, storeIn, valueIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

async function twoReleases(folder: string) {
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  return store;
}

test("rollback is a switch: the previous release under a new version, with the reason", async () => {
  const folder = temporaryFolder();
  const store = await twoReleases(folder);
  const result = await rollback(store, { reason: "wrong prices" });
  expect(result).toEqual({
    store: "holdings",
    outcome: "switched",
    release: "r000001",
    version: 3,
    previous: { release: "r000002", version: 2 },
    reason: "rollback",
  });
  expect(manifestOf(folder)).toMatchObject({
    active: "a",
    version: 3,
    release: "r000001",
    reason: "rollback",
    note: "wrong prices",
    previous: { active: "b", release: "r000002" },
  });
  expect(historyOf(folder).at(-1)).toMatchObject({
    type: "release.switched",
    reason: "rollback",
    version: 3,
    release: "r000001",
    note: "wrong prices",
  });
  expect(await rollback(store)).toMatchObject({ release: "r000002", version: 4 });
});

test("the next build descends from what was rolled back to and takes the other slot; ids and versions are never used again", async () => {
  const folder = temporaryFolder();
  const store = await twoReleases(folder);
  await rollback(store);
  const result = await publish(store, rowsBuild(9));
  expect(result).toMatchObject({ release: "r000003", version: 4, previous: { release: "r000001", version: 3 } });
  expect(manifestOf(folder)).toMatchObject({ active: "b" });
  const record = JSON.parse(readFileSync(join(folder, ".lockkeeper/records/r000003.json"), "utf8")) as Record<string, unknown>;
  expect(record["parent"]).toBe("r000001");
});

test("a dry run prints the plan and switches nothing", async () => {
  const folder = temporaryFolder();
  const store = await twoReleases(folder);
  const manifest = manifestBytes(folder);
  expect(await rollback(store, { dryRun: true })).toMatchObject({
    outcome: "planned",
    release: "r000001",
    version: 3,
    plan: { from: { release: "r000002" }, active: "a" },
  });
  expect(manifestBytes(folder)).toBe(manifest);
});

test("what cannot be gone back to is refused with the reason, exit 10", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await expect(rollback(store)).rejects.toMatchObject({ code: "NO_RELEASE", exit: 10 });
  await publish(store, rowsBuild(1));
  await expect(rollback(store)).rejects.toMatchObject({ code: "RELEASE_UNKNOWN", exit: 10 });
  await publish(store, rowsBuild(2));
  await expect(rollback(store, { steps: 2 })).rejects.toMatchObject({
    code: "RELEASE_UNKNOWN",
    message: expect.stringContaining("keeps the previous release only"),
  });
  await expect(rollback(store, { to: "r000009" })).rejects.toMatchObject({ code: "RELEASE_UNKNOWN", subject: "r000009" });
  await expect(rollback(store, { to: "r000002" })).rejects.toMatchObject({ code: "USAGE", exit: 2 });
  expect(await rollback(store, { to: "r000001" })).toMatchObject({ release: "r000001" });
});

test("FACTS 5: a slot that is not byte for byte the previous release is not served", async () => {
  const folder = temporaryFolder();
  const store = await twoReleases(folder);
  const manifest = manifestBytes(folder);
  appendFileSync(join(folder, "DB_a.duckdb"), "x");
  await expect(rollback(store)).rejects.toMatchObject({
    code: "RELEASE_UNKNOWN",
    message: expect.stringContaining("changed by another program"),
  });
  writeFileSync(join(folder, "DB_a.duckdb.wal"), "x");
  await expect(rollback(store)).rejects.toMatchObject({
    code: "RELEASE_UNKNOWN",
    message: expect.stringContaining("write-ahead log"),
  });
  rmSync(join(folder, "DB_a.duckdb"));
  await expect(rollback(store)).rejects.toMatchObject({ code: "RELEASE_UNKNOWN", message: expect.stringContaining("missing") });
  expect(manifestBytes(folder)).toBe(manifest);
  expect(await valueIn(join(folder, "DB_b.duckdb"), "SELECT count(*) FROM t")).toBe("2");
});

test("FACTS 5: a torn last line of the history is cut before the next one, and a switch without a line gets one", async () => {
  const folder = temporaryFolder();
  const store = await twoReleases(folder);
  const path = join(folder, ".lockkeeper/history.jsonl");
  const lines = readFileSync(path, "utf8").split("\n");
  writeFileSync(path, `${lines[0]}\n${lines[1]?.slice(0, 30)}`);
  await rollback(store);
  expect(historyOf(folder).map((event) => [event["id"], event["version"], event["reason"]])).toEqual([
    [1, 1, "publish"],
    [2, 2, "publish"],
    [3, 3, "rollback"],
  ]);
});

test("a rollback leaves a build's folder alone", async () => {
  const folder = temporaryFolder();
  const store = await twoReleases(folder);
  const result = await publish(store, {
    kind: "function",
    async build(context) {
      await rollback(store);
      expect(readdirSync(join(folder, ".lockkeeper/builds"))).toHaveLength(1);
      const source = rowsBuild(7);
      if (source.kind === "function") await source.build(context);
    },
  });
  expect(result).toMatchObject({ release: "r000003", version: 4, previous: { release: "r000001", version: 3 } });
  expect(manifestOf(folder)).toMatchObject({ active: "b" });
  expect(await valueIn(join(folder, "DB_a.duckdb"), "SELECT count(*) FROM t")).toBe("1");
  expect(await valueIn(join(folder, "DB_b.duckdb"), "SELECT count(*) FROM t")).toBe("7");
});
