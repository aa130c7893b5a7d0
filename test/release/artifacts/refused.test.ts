import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { beginBuild } from "../../../src/release/detached/begin.ts";
import { commitBuild } from "../../../src/release/detached/commit.ts";
import { publish } from "../../../src/release/publish.ts";
import type { BuildContext, ReleaseStore } from "../../../src/release/store.ts";
import { readerOn } from "../../reader/support/real-reader.ts";
import { writeParquet } from "../../support/parquet.ts";
import { historyOf, manifestBytes, writeDatabase } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { martBuild, storeOf } from "./support.ts";

const good = { "mart/a.parquet": "SELECT 1 AS a" };

type Fault = readonly [
  what: string,
  check: string,
  message: RegExp,
  files: Record<string, string>,
  also?: (context: BuildContext) => unknown,
];

const faults: readonly Fault[] = [
  [
    "an unfinished file of the engine",
    "artifact_files",
    /tmp_a\.parquet is an unfinished file/,
    {},
    ({ dir }) => writeFileSync(join(dir, "mart/tmp_a.parquet"), "x"),
  ],
  [
    "a name that was to be filled in",
    "artifact_files",
    /\{name\}\.parquet has a name that was to be filled in/,
    { "mart/{name}.parquet": "SELECT 1 AS a" },
  ],
  [
    "a link",
    "artifact_files",
    /not a regular file \(symlink\)/,
    {},
    ({ dir }) => symlinkSync("a.parquet", join(dir, "mart/b.parquet")),
  ],
  [
    "a file of another kind",
    "artifact_files",
    /notes\.csv is not a Parquet file/,
    {},
    ({ dir }) => writeFileSync(join(dir, "mart/notes.csv"), "x"),
  ],
  [
    "folders with other keys",
    "artifact_files",
    /does not lie in folders month=…/,
    { "mart/t/year=1/x.parquet": "SELECT 1 AS a", "mart/t/month=1/x.parquet": "SELECT 1 AS a" },
  ],
  [
    "two tables whose names differ in case",
    "artifact_files",
    /is table mart\.A, and so is|is table mart\.a, and so is/,
    { "mart/A.parquet": "SELECT 1 AS a" },
  ],
  ["a table that is a file and a folder", "artifact_files", /and so is/, { "mart/a/x.parquet": "SELECT 1 AS a" }],
  ["a file without its end", "parquet_footers", /a\.parquet/, {}, ({ dir }) => truncateSync(join(dir, "mart/a.parquet"), 60)],
  ["an empty file", "parquet_footers", /b\.parquet/, {}, ({ dir }) => writeFileSync(join(dir, "mart/b.parquet"), "")],
  [
    "files of one table with other types",
    "parquet_schema",
    /differs at a VARCHAR/,
    { "mart/t/1.parquet": "SELECT 1 AS a", "mart/t/2.parquet": "SELECT 'x' AS a" },
  ],
  [
    "files of one table with a column less",
    "parquet_schema",
    /differs at b INTEGER/,
    { "mart/t/1.parquet": "SELECT 1 AS a, 2 AS b", "mart/t/2.parquet": "SELECT 1 AS a" },
  ],
  [
    "a table that the database has, too",
    "artifact_names",
    /mart\.a is a table of the DuckDB file and one of Parquet files/,
    {},
    ({ path }) => writeDatabase(path, "CREATE SCHEMA mart", "CREATE TABLE mart.a AS SELECT 1 AS a"),
  ],
];

test.each(faults.map((fault) => ({ what: fault[0], fault })))(
  "$what refuses the build; what is active stays",
  async ({ fault }) => {
    const [, check, message, files, also] = fault;
    const folder = temporaryFolder();
    const store = storeOf(folder);
    await publish(store, martBuild(good));
    const before = manifestBytes(folder);
    const reader = await readerOn(folder);
    const result = await publish(store, martBuild({ ...good, ...files }, also ? { also } : {}));
    expect(result).toMatchObject({ outcome: "refused" });
    expect(result.checks.filter(({ status }) => status === "fail")).toMatchObject([
      { check, severity: "error", message: expect.stringMatching(message) as unknown },
    ]);
    expect(manifestBytes(folder)).toBe(before);
    expect((await reader.query("SELECT a FROM mart.a")).rows).toEqual([[1]]);
    expect(readFileSync(join(folder, ".lockkeeper/quarantine", result.build ?? "", "report.json"), "utf8")).toContain(check);
  },
);

test("a schema called like the DuckDB file refuses the build", async () => {
  const store = storeOf(temporaryFolder(), [{ kind: "duckdb" }, { kind: "parquet", path: "mart", schema: "db" }]);
  const { checks } = await publish(store, martBuild(good));
  expect(checks.filter(({ status }) => status === "fail")).toMatchObject([
    { check: "artifact_names", message: expect.stringContaining("called like the DuckDB file") as unknown },
  ]);
});

test("a refused build can be opened in quarantine, tables of Parquet files and all", async () => {
  const folder = temporaryFolder();
  const checks = [{ check: "rows", table: "mart.a", min: 5, severity: "error" }] as const;
  const { outcome, build } = await publish(storeOf(folder, undefined, { checks: [] }), martBuild(good));
  expect([outcome, build]).toEqual(["switched", expect.any(String)]);
  const refused = await publish(storeOf(folder, undefined, { checks }), martBuild({ "mart/a.parquet": "SELECT 9 AS a" }));
  expect(refused.outcome).toBe("refused");
  const reader = await readerOn(folder);
  const found = await reader.query("SELECT a FROM mart.a", undefined, { release: refused.build ?? "" });
  expect([found.rows, found.version]).toEqual([[[9]], undefined]);
});

test("nothing in a Parquet artifact fails the build", async () => {
  const folder = temporaryFolder();
  await expect(publish(storeOf(folder), martBuild({}))).rejects.toMatchObject({
    code: "BUILD_EMPTY",
    message: expect.stringContaining("mart") as unknown,
  });
  expect(historyOf(folder)).toMatchObject([{ type: "build.failed" }]);
});

test("a table that is gone, or has another name, or lost a column is refused by `schema`; what is active stays", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder, undefined, { checks: [{ check: "schema", mode: "compatible", severity: "error" }] });
  await publish(store, martBuild({ ...good, "mart/b.parquet": "SELECT 1 AS x, 2 AS y" }));
  const before = manifestBytes(folder);
  const builds = [
    [good, "mart.b"],
    [{ ...good, "mart/c.parquet": "SELECT 1 AS x, 2 AS y" }, "mart.b"],
    [{ ...good, "mart/b.parquet": "SELECT 1 AS x" }, "y"],
  ] as const;
  for (const [files, named] of builds) {
    const { outcome, checks } = await publish(store, martBuild(files));
    expect([outcome, checks.filter(({ status }) => status === "fail")]).toMatchObject([
      "refused",
      [{ check: "schema", message: expect.stringContaining(named) as unknown }],
    ]);
    expect(manifestBytes(folder)).toBe(before);
  }
  expect((await publish(store, martBuild({ ...good, "mart/b.parquet": "SELECT 1 AS x, 2 AS y, 3 AS z" }))).outcome).toBe(
    "switched",
  );
});

test("a store of SQLite files says before anything is built that the package for them is missing", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder, [{ kind: "duckdb" }, { kind: "sqlite", path: "labels.db" }]);
  const missing = new LockkeeperError("FEATURE_MISSING", "SQLite files need a package");
  const assertInstalled = (): never => {
    throw missing;
  };
  const without = { ...store, sqlite: { ...store.sqlite, assertInstalled } };
  const build = martBuild({}, { also: () => expect.unreachable("it was built") });
  for (const attempt of [
    () => publish(without, build),
    () => publish(without, build, { dryRun: true }),
    () => beginBuild(without),
  ]) {
    await expect(attempt()).rejects.toBe(missing);
  }
  expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
});

/** The store, and something that happens when it passes a failpoint for the first time. */
function disturbed(store: ReleaseStore, failpoint: string, action: () => void): ReleaseStore {
  const armed = { yet: true };
  const platform = {
    ...store.platform,
    async failpoint(name: string) {
      if (name === failpoint && armed.yet) {
        armed.yet = false;
        action();
      }
      await store.platform.failpoint(name);
    },
  };
  return { ...store, platform };
}

test("a file that changes after it was hashed fails the build, which has its files back and can be committed again", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder);
  await publish(store, martBuild({ ...good, "mart/same.parquet": "SELECT 1 AS a" }));
  const { build, path, dir } = await beginBuild(store);
  await writeDatabase(path, "CREATE TABLE meta AS SELECT 2 AS tag");
  await writeParquet(join(dir, "mart/a.parquet"), "SELECT 2 AS a");
  await writeParquet(join(dir, "mart/same.parquet"), "SELECT 1 AS a");
  const touch = () => utimesSync(join(dir, "mart/same.parquet"), 1, 1);
  await expect(commitBuild(disturbed(store, "seal.parquet", touch), build)).rejects.toMatchObject({
    code: "BUILD_UNFINISHED",
    message: expect.stringContaining("same.parquet") as unknown,
  });
  expect(["DB.duckdb", "mart/a.parquet", "mart/same.parquet"].map((name) => statSync(join(dir, name)).mode & 0o777)).toEqual([
    0o644, 0o644, 0o644,
  ]);
  expect((await commitBuild(store, build)).outcome).toBe("switched");
});

test("a build whose switch failed has its files back, and none of them is a file of a release", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder);
  await publish(store, martBuild({ ...good, "mart/same.parquet": "SELECT 1 AS a" }));
  const { build, path, dir } = await beginBuild(store);
  await writeDatabase(path, "CREATE TABLE meta AS SELECT 2 AS tag");
  mkdirSync(join(dir, "mart"), { recursive: true });
  await writeParquet(join(dir, "mart/a.parquet"), "SELECT 2 AS a");
  await writeParquet(join(dir, "mart/same.parquet"), "SELECT 1 AS a");
  const fail = () => {
    throw Object.assign(new Error("no more"), { code: "EIO" });
  };
  await expect(commitBuild(disturbed(store, "install.recorded", fail), build)).rejects.toMatchObject({ code: "IO_FAILED" });
  const given = statSync(join(dir, "mart/same.parquet"));
  expect([given.nlink, given.mode & 0o777]).toEqual([1, 0o644]);
  // The builder may go on writing: what is out does not change with it.
  appendFileSync(join(dir, "mart/same.parquet"), "");
  await writeParquet(join(dir, "mart/a.parquet"), "SELECT 3 AS a");
  expect(await commitBuild(store, build)).toMatchObject({ outcome: "switched" });
  const reader = await readerOn(folder);
  expect((await reader.query("SELECT x.a, y.a FROM mart.a x, mart.same y")).rows).toEqual([[3, 1]]);
});
