import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { storeStatus } from "../../src/release/status.ts";
import { rowsBuild, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

test.each([
  ["is missing", (path: string) => rmSync(path), "DB_a.duckdb is active and does not exist"],
  ["is a folder", (path: string) => (rmSync(path), mkdirSync(path)), "DB_a.duckdb is active and not a regular file"],
  ["has grown", (path: string) => appendFileSync(path, "more"), "bytes; the record of r000001 says"],
])("an active file that %s is no pass", async (_what, damage, message) => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  expect(await storeStatus(store)).toMatchObject({ status: "pass", detail: [] });
  damage(join(folder, "DB_a.duckdb"));
  expect(await storeStatus(store)).toMatchObject({
    status: "fail",
    release: "r000001",
    version: 1,
    detail: [expect.stringContaining(message)],
  });
});

test("a record that is missing is told, and another program's file only where it is missing", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  rmSync(join(folder, ".lockkeeper/records/r000001.json"));
  expect(await storeStatus(store)).toMatchObject({
    status: "fail",
    detail: [expect.stringContaining("r000001.json is missing")],
  });
  writeFileSync(join(folder, "db_manifest.json"), JSON.stringify({ active: "a", version: 9 }));
  expect(await storeStatus(store)).toMatchObject({ status: "warn" });
  writeFileSync(join(folder, "db_manifest.json"), JSON.stringify({ active: "b", version: 9 }));
  expect(await storeStatus(store)).toMatchObject({
    status: "fail",
    detail: [expect.stringContaining("DB_b.duckdb"), expect.any(String)],
  });
});

test("a store that switches while it is looked at is not told as damaged", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const { files } = store.platform;
  let looked = false;
  const racing: typeof files = {
    ...files,
    async stat(path) {
      // Between the look at the manifest and the one at its record and file: two publishes, after which neither is there.
      if (path.endsWith("DB_a.duckdb") && !looked) {
        looked = true;
        await publish(store, rowsBuild(2));
        await publish(store, rowsBuild(3));
        await publish(store, rowsBuild(4));
      }
      return files.stat(path);
    },
  };
  const status = await storeStatus({ ...store, platform: { ...store.platform, files: racing } });
  expect(looked).toBe(true);
  expect(status).toMatchObject({ status: "pass", release: "r000001", detail: [] });
});
