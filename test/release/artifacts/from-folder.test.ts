import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { publish } from "../../../src/release/publish.ts";
import type { BuildSource, ReleaseStore } from "../../../src/release/store.ts";
import { readerOn } from "../../reader/support/real-reader.ts";
import { startScript } from "../../support/child.ts";
import { writeParquet } from "../../support/parquet.ts";
import { historyOf, startOperation, writeDatabase } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { storeOf, two } from "./support.ts";

const from = (source: string): BuildSource => ({ kind: "folder", source });

/** A folder as another program leaves it: a database and two marts. */
async function folderOf(tag: number): Promise<string> {
  const folder = temporaryFolder();
  await writeDatabase(join(folder, "DB.duckdb"), `CREATE TABLE meta AS SELECT ${tag} AS tag`);
  for (const name of ["a", "b"]) await writeParquet(join(folder, `mart/${name}.parquet`), `SELECT ${tag} AS tag`);
  return folder;
}

test("the artifacts' files are copied and become a release; the folder stays as it is, and nothing is linked to it", async () => {
  const folder = temporaryFolder();
  const source = await folderOf(1);
  writeFileSync(join(source, "notes.txt"), "no artifact");
  const before = readFileSync(join(source, "mart/a.parquet"));
  expect(await publish(storeOf(folder), from(source))).toMatchObject({ outcome: "switched" });
  expect(readFileSync(join(source, "mart/a.parquet")).equals(before)).toBe(true);
  expect(statSync(join(source, "mart/a.parquet")).nlink).toBe(1);
  expect(readdirSync(join(folder, "releases/r000001")).toSorted()).toEqual(["DB.duckdb", "mart", "release.json"]);
  const record = JSON.parse(readFileSync(join(folder, "releases/r000001/release.json"), "utf8")) as { readonly builder: unknown };
  expect(record.builder).toMatchObject({ kind: "folder" });
  const reader = await readerOn(folder);
  expect((await reader.query("SELECT m.tag, a.tag, b.tag FROM meta m, mart.a a, mart.b b")).rows).toEqual([[1, 1, 1]]);
});

test("a dry run tells how many bytes there are to copy, and copies none", async () => {
  const folder = temporaryFolder();
  const source = await folderOf(1);
  writeFileSync(join(source, "notes.txt"), "no artifact");
  const bytes = ["DB.duckdb", "mart/a.parquet", "mart/b.parquet"].reduce(
    (sum, name) => sum + statSync(join(source, name)).size,
    0,
  );
  const { plan } = await publish(storeOf(folder), from(source), { dryRun: true });
  expect(plan?.bytesNeeded).toBe(bytes);
  expect(existsSync(join(folder, ".lockkeeper"))).toBe(false);
});

/** The store, and something that happens at every copy. */
function copying(store: ReleaseStore, disturb: (count: number) => void): ReleaseStore {
  let count = 0;
  const files = {
    ...store.platform.files,
    async copy(source: string, target: string) {
      const how = await store.platform.files.copy(source, target);
      if (source.endsWith(".parquet")) disturb(++count);
      return how;
    },
  };
  return { ...store, platform: { ...store.platform, files } };
}

test("a folder that changes while it is copied is copied again, until all of it is of one moment", async () => {
  const folder = temporaryFolder();
  const source = await folderOf(1);
  const next = await folderOf(2);
  // After the first file of the first try another program replaces them all.
  const store = copying(storeOf(folder), (count) => {
    if (count !== 1) return;
    for (const name of ["DB.duckdb", "mart/a.parquet", "mart/b.parquet"])
      writeFileSync(join(source, name), readFileSync(join(next, name)));
  });
  expect(await publish(store, from(source))).toMatchObject({ outcome: "switched" });
  const reader = await readerOn(folder);
  expect((await reader.query("SELECT m.tag, a.tag, b.tag FROM meta m, mart.a a, mart.b b")).rows).toEqual([[2, 2, 2]]);
});

test("a folder that never stands still is not published", { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  const source = await folderOf(1);
  await publish(storeOf(folder), from(source));
  const store = copying(storeOf(folder), () =>
    writeFileSync(join(source, "mart/a.parquet"), readFileSync(join(source, "mart/a.parquet"))),
  );
  await expect(publish(store, from(source))).rejects.toMatchObject({
    code: "SOURCE_MOVING",
    subject: join(source, "mart/a.parquet"),
  });
  expect(historyOf(folder).map(({ type }) => type)).toEqual(["release.switched", "build.failed"]);
  expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
});

test(
  "under a real program that rebuilds the folder in place, what is published is of one build",
  { timeout: 120_000 },
  async () => {
    const folder = temporaryFolder();
    const source = temporaryFolder();
    const store = storeOf(folder, [{ kind: "parquet", path: "mart" }]);
    const names = ["a", "b", "c", "d"];
    const writer = startScript(`
    import { mkdirSync } from "node:fs";
    import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    mkdirSync(${JSON.stringify(join(source, "mart"))}, { recursive: true });
    for (let tag = 1; ; tag++) {
      for (const name of ${JSON.stringify(names)}) await connection.run("COPY (SELECT " + tag + " AS tag, range AS n FROM range(20000)) TO '${source}/mart/" + name + ".parquet' (FORMAT parquet)");
      console.log("built " + tag);
      await new Promise((resolve) => setTimeout(resolve, 700));
    }`);
    const reader = async () =>
      (await readerOn(folder)).query(
        `SELECT DISTINCT tag FROM (${names.map((name) => `SELECT tag FROM mart.${name}`).join(" UNION ALL ")})`,
      );
    await writer.line("built ");
    let published = 0;
    for (let round = 0; round < 6; round++) {
      const outcome = await publish(store, from(source)).then(
        () => "switched",
        (error: unknown) => (error as { readonly code: string }).code,
      );
      if (outcome === "switched") published += 1;
      else expect(outcome).toBe("SOURCE_MOVING");
      if (published > 0) expect((await reader()).rows).toHaveLength(1);
    }
    expect(published).toBeGreaterThan(0);
  },
);

test("a Parquet file without its end is refused, an empty folder and a database with a log fail", async () => {
  const folder = temporaryFolder();
  const source = await folderOf(1);
  truncateSync(join(source, "mart/b.parquet"), 50);
  expect(await publish(storeOf(folder), from(source))).toMatchObject({ outcome: "refused" });
  const empty = temporaryFolder();
  mkdirSync(join(empty, "mart"));
  await expect(publish(storeOf(folder), from(empty))).rejects.toMatchObject({ code: "BUILD_EMPTY" });
  const logged = await folderOf(2);
  writeFileSync(join(logged, "DB.duckdb.wal"), "x");
  await expect(publish(storeOf(folder), from(logged))).rejects.toMatchObject({ code: "BUILD_UNFINISHED" });
  await expect(publish(storeOf(folder), from(logged), { base: "active" })).rejects.toMatchObject({ code: "USAGE" });
  expect(existsSync(join(folder, "releases"))).toBe(false);
  rmSync(join(logged, "DB.duckdb.wal"));
});

test("a link is no file to copy: it would be missing, or turned meanwhile", async () => {
  const folder = temporaryFolder();
  const source = await folderOf(1);
  symlinkSync(join(source, "mart/a.parquet"), join(source, "mart/c.parquet"));
  const error = { code: "BUILD_FAILED", message: expect.stringContaining("symlink") as unknown };
  await expect(publish(storeOf(folder), from(source))).rejects.toMatchObject({
    ...error,
    subject: join(source, "mart/c.parquet"),
  });
  const linked = await folderOf(2);
  renameSync(join(linked, "mart"), join(linked, "real"));
  symlinkSync(join(linked, "real"), join(linked, "mart"));
  await expect(publish(storeOf(folder), from(linked))).rejects.toMatchObject({ ...error, subject: join(linked, "mart") });
});

test(
  "what the engine was ended at keeps the folder from being taken, and the error says what to do",
  { timeout: 60_000 },
  async () => {
    const source = await folderOf(1);
    writeFileSync(join(source, "mart/tmp_a.parquet"), "begun");
    await expect(publish(storeOf(temporaryFolder()), from(source))).rejects.toMatchObject({
      code: "SOURCE_MOVING",
      hint: expect.stringContaining("remove the file") as unknown,
    });
  },
);

test("a database that a writer has open is not copied", async () => {
  const source = await folderOf(1);
  const writer = startScript(`
    import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
    const instance = await DuckDBInstance.create(${JSON.stringify(join(source, "DB.duckdb"))});
    console.log("open");
    setInterval(() => instance, 1000);`);
  await writer.line("open");
  const folder = temporaryFolder();
  await expect(publish(storeOf(folder), from(source))).rejects.toMatchObject({ code: "FILE_LOCKED" });
});

test("a publisher that is killed in the middle of the copying leaves nothing to mend", async () => {
  const folder = temporaryFolder();
  const source = await folderOf(1);
  const options = { dir: folder, layout: "releases", artifacts: two } as const;
  await startOperation(options, `return publish(store, { kind: "folder", source: ${JSON.stringify(source)} });`, {
    LOCKKEEPER_FAILPOINTS: "seal.synced=kill",
  }).ended;
  expect(await publish(storeOf(folder), from(source))).toMatchObject({ outcome: "switched", release: "r000001" });
  expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
});
