import { existsSync, rmSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { nodePlatform } from "../../src/platform/node.ts";
import { publish } from "../../src/release/publish.ts";
import { storeStatus } from "../../src/release/status.ts";
import { manifestBytes, rowsBuild, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

test("FACTS 5: a build lock that is deleted during the build is noticed before the data moves; the build is kept", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const before = manifestBytes(folder);
  const { kind, build } = rowsBuild(2) as Extract<ReturnType<typeof rowsBuild>, { kind: "function" }>;
  const deleting = {
    kind,
    async build(context: Parameters<typeof build>[0]) {
      await build(context);
      rmSync(store.paths.buildLock);
    },
  };
  await expect(publish(store, deleting)).rejects.toMatchObject({ code: "LOCK_REPLACED", subject: store.paths.buildLock });
  expect(manifestBytes(folder)).toBe(before);
  expect(existsSync(store.paths.slot("DB", "b"))).toBe(false);
  const [kept = ""] = await store.platform.files.list(store.paths.quarantine);
  expect(await store.platform.files.list(`${store.paths.quarantine}/${kept}`)).toContain("DB.duckdb");
});

test("status tells a lock that a program without a note holds", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const { files, locks } = nodePlatform();
  const file = await files.open(store.paths.writerLock, "update");
  expect(locks.tryLock(file, "exclusive")).toBe(true);
  for (const note of [undefined, "", "garbage"]) {
    if (note !== undefined) writeFileSync(store.paths.writerLock, note);
    expect((await storeStatus(store)).lock).toEqual({ lock: "writer", held: true });
  }
  await file.close();
  expect((await storeStatus(store)).lock).toBeUndefined();
});
