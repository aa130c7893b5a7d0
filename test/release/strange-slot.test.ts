import { readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rejection } from "../reader/support/rejection.ts";
import { checkRelease } from "../../src/release/check.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { rowsBuild, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

async function twoReleases(): Promise<string> {
  const folder = temporaryFolder();
  for (const rows of [1, 2]) await publish(storeIn(folder), rowsBuild(rows));
  return folder;
}

const failures = async (folder: string) =>
  (await checkRelease(storeIn(folder))).checks.flatMap((check) => (check.status === "fail" ? [check.message] : []));

test("a file of another size is not hashed, for that may take hours: a sparse one of 1 TB", async () => {
  const folder = await twoReleases();
  for (const slot of ["a", "b"]) truncateSync(join(folder, `DB_${slot}.duckdb`), 2 ** 40);
  expect(await rejection(rollback(storeIn(folder)))).toMatchObject({
    code: "RELEASE_UNKNOWN",
    message: expect.stringContaining("slot a was changed by another program"),
  });
  expect(await failures(folder)).toContainEqual(expect.stringContaining("DB_b.duckdb has 1099511627776 bytes"));
});

test("check does not open what is no file of the folder, and a rollback says what lies there", async () => {
  const folder = await twoReleases();
  const path = join(folder, "DB_b.duckdb");
  const bytes = readFileSync(path);
  for (const lay of [
    () => execFileSync("mkfifo", [path]),
    () => symlinkSync("/dev/zero", path),
    () => symlinkSync("DB_b.duckdb", path),
    () => {
      writeFileSync(join(folder, "../lockkeeper-out.duckdb"), bytes);
      symlinkSync("../lockkeeper-out.duckdb", path);
    },
  ]) {
    rmSync(path);
    lay();
    expect(await rejection(checkRelease(storeIn(folder)))).toMatchObject({ code: "DATABASE_CORRUPT", subject: path });
  }
  const other = join(folder, "DB_a.duckdb");
  rmSync(other);
  execFileSync("mkfifo", [other]);
  expect(await rejection(rollback(storeIn(folder)))).toMatchObject({
    message: expect.stringContaining("DB_a.duckdb is not a regular file"),
  });
});

test("FACTS 2.6: check finds a write-ahead log beside the active file, which a reader would not open", async () => {
  const folder = await twoReleases();
  writeFileSync(join(folder, "DB_b.duckdb.wal"), Buffer.alloc(4096, 7));
  expect(await failures(folder)).toContainEqual(expect.stringContaining("DB_b.duckdb"));
});
