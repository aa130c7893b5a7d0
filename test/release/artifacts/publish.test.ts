import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ReleaseRecord } from "../../../src/model/release-record.ts";
import { checkRelease } from "../../../src/release/check.ts";
import { listReleases } from "../../../src/release/list.ts";
import { releasePath } from "../../../src/release/path.ts";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { storeStatus } from "../../../src/release/status.ts";
import { readerOn } from "../../reader/support/real-reader.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { martBuild, storeOf } from "./support.ts";

const sales = "SELECT range AS n, if(range = 3, NULL, 'x') AS label FROM range(10)";
const files = {
  "mart/sales.parquet": sales,
  "mart/events/one.parquet": "SELECT 1 AS a",
  "mart/events/two.parquet": "SELECT 2 AS a",
  "mart/days/year=2025/part.parquet": "SELECT 1 AS a",
  "mart/days/year=2026/part.parquet": "SELECT 2 AS a",
  "mart/leer.parquet": "SELECT 1 AS a WHERE false",
  "mart/märkte.parquet": "SELECT 'Zürich' AS ort",
};

function recordOf(folder: string, release: string): ReleaseRecord {
  return JSON.parse(readFileSync(join(folder, "releases", release, "release.json"), "utf8")) as ReleaseRecord;
}

function flipBit(path: string): void {
  const bytes = readFileSync(path);
  const at = Math.floor(bytes.length / 3);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  chmodSync(path, 0o644);
  writeFileSync(path, bytes);
  chmodSync(path, 0o444);
}

test("a release holds its database and its Parquet tables, each with rows, types and NULLs, read-only, and nothing else", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder);
  const stray = (dir: string) => writeFileSync(join(dir, "notes.txt"), "no artifact");
  const result = await publish(store, martBuild(files, { also: ({ dir }) => stray(dir) }));
  expect(result).toMatchObject({ outcome: "switched", release: "r000001" });
  const record = recordOf(folder, "r000001");
  const names = ["DB.duckdb", ...Object.keys(files)].map((path) => `releases/r000001/${path}`);
  expect(record.files.map(({ path }) => path).toSorted()).toEqual(names.toSorted());
  const tables = new Map(record.tables.map((table) => [`${table.schema}.${table.name}`, table]));
  expect(tables.get("mart.sales")).toMatchObject({
    kind: "table",
    rows: 10,
    columns: [
      { name: "n", type: "BIGINT", nulls: 0 },
      { name: "label", type: "VARCHAR", nulls: 1 },
    ],
    parquet: { path: "mart/sales.parquet", files: 1, hive: [] },
  });
  expect(tables.get("mart.events")).toMatchObject({ rows: 2, parquet: { path: "mart/events", files: 2, hive: [] } });
  expect(tables.get("mart.days")).toMatchObject({ rows: 2, parquet: { path: "mart/days", files: 2, hive: ["year"] } });
  expect(tables.get("mart.leer")).toMatchObject({ rows: 0, columns: [{ name: "a", type: "INTEGER" }] });
  expect([...tables.keys()]).toContain("main.meta");
  expect(readdirSync(join(folder, "releases", "r000001")).toSorted()).toEqual(["DB.duckdb", "mart", "release.json"]);
  for (const { path, bytes } of record.files) expect(statSync(join(folder, path))).toMatchObject({ size: bytes, mode: 0o100444 });
  expect(readdirSync(join(folder, ".lockkeeper", "builds"))).toEqual([]);
  const reader = await readerOn(folder);
  const { rows } = await reader.query(
    "SELECT (SELECT tag FROM meta), (SELECT sum(n) FROM mart.sales), (SELECT sum(a * year) FROM mart.days), (SELECT ort FROM mart.märkte), (SELECT count(*) FROM leer)",
  );
  expect(rows[0]?.map(String)).toEqual(["1", "45", String(2025 + 2 * 2026), "Zürich", "0"]);
  expect((await checkRelease(store)).checks.filter(({ status }) => status === "fail")).toEqual([]);
  expect(await storeStatus(store)).toMatchObject({ status: "pass", release: "r000001" });
});

test("a release without a DuckDB file: the path for one is scratch, and the folders of artifacts are there", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder, [{ kind: "parquet", path: "a/mart", schema: "m" }]);
  let scratch = "";
  const seen = (path: string, dir: string) => {
    scratch = path;
    return [existsSync(path), existsSync(join(dir, "a/mart"))];
  };
  const told: unknown[] = [];
  await publish(
    store,
    martBuild({ "a/mart/t.parquet": "SELECT 7 AS a" }, { also: ({ path, dir }) => told.push(seen(path, dir)) }),
  );
  expect(told).toEqual([[true, true]]);
  expect(existsSync(scratch)).toBe(false);
  expect(recordOf(folder, "r000001")).toMatchObject({
    storageVersion: "none",
    files: [{ path: "releases/r000001/a/mart/t.parquet" }],
  });
  const reader = await readerOn(folder);
  expect((await reader.query("SELECT a FROM m.t")).rows).toEqual([[7]]);
  expect((await checkRelease(store)).checks.filter(({ status }) => status === "fail")).toEqual([]);
  await publish(store, martBuild({ "a/mart/t.parquet": "SELECT 8 AS a" }));
  expect((await reader.query("SELECT a FROM m.t")).rows).toEqual([[8]]);
  await rollback(store);
  expect((await reader.query("SELECT a FROM m.t")).rows).toEqual([[7]]);
});

test("a file that did not change is the same file as in the release before; a damaged one is not handed on", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder);
  const inode = (release: string, name: string) => statSync(join(folder, "releases", release, name)).ino;
  await publish(store, martBuild({ "mart/a.parquet": "SELECT 1 AS a", "mart/b.parquet": "SELECT 1 AS b" }));
  await publish(store, martBuild({ "mart/a.parquet": "SELECT 2 AS a", "mart/b.parquet": "SELECT 1 AS b" }));
  expect(inode("r000002", "mart/b.parquet")).toBe(inode("r000001", "mart/b.parquet"));
  expect(inode("r000002", "mart/a.parquet")).not.toBe(inode("r000001", "mart/a.parquet"));
  expect(inode("r000002", "DB.duckdb")).not.toBe(inode("r000001", "DB.duckdb"));
  flipBit(join(folder, "releases/r000002/mart/b.parquet"));
  await publish(store, martBuild({ "mart/a.parquet": "SELECT 3 AS a", "mart/b.parquet": "SELECT 1 AS b" }));
  expect(inode("r000003", "mart/b.parquet")).not.toBe(inode("r000002", "mart/b.parquet"));
  expect((await checkRelease(store)).checks.find(({ check }) => check === "sha256")).toMatchObject({ status: "pass" });
});

test("what a build still has open is no file of a release that shares it: what it writes later changes neither", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder);
  await publish(store, martBuild({ "mart/b.parquet": "SELECT 1 AS b" }));
  const sealed = readFileSync(join(folder, "releases/r000001/mart/b.parquet"));
  let left = -1;
  const also = ({ dir }: { readonly dir: string }) => void (left = openSync(join(dir, "mart/b.parquet"), "r+"));
  await publish(store, martBuild({ "mart/b.parquet": "SELECT 1 AS b" }, { also }));
  writeSync(left, Buffer.from("overwritten"), 0, 11, 0);
  closeSync(left);
  for (const release of ["r000001", "r000002"]) {
    expect(readFileSync(join(folder, "releases", release, "mart/b.parquet")).equals(sealed)).toBe(true);
  }
});

test("a flipped bit is found by check, keeps a reader that verifies on the last good release, and cannot be gone back to", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder);
  await publish(store, martBuild({ "mart/a.parquet": "SELECT range AS a FROM range(1000)" }));
  flipBit(join(folder, "releases/r000001/mart/a.parquet"));
  expect((await checkRelease(store)).checks.find(({ check }) => check === "sha256")).toMatchObject({
    status: "fail",
    observed: expect.stringContaining("a.parquet") as unknown,
  });
  await expect(readerOn(folder, { verify: "sha256" })).rejects.toMatchObject({ code: "CHECKSUM_MISMATCH" });
  await publish(store, martBuild({ "mart/a.parquet": "SELECT 2 AS a" }, { tag: 2 }));
  await expect(rollback(store)).rejects.toMatchObject({
    code: "RELEASE_UNKNOWN",
    message: expect.stringContaining("a.parquet") as unknown,
  });
  const reader = await readerOn(folder, { verify: "sha256" });
  expect((await reader.query("SELECT tag FROM meta")).rows).toEqual([[2]]);
});

test("a build on a base begins with copies of all files, writes a part and drops a table", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder);
  await publish(
    store,
    martBuild({ "mart/a.parquet": "SELECT 1 AS a", "mart/b.parquet": "SELECT 1 AS b", "mart/c.parquet": "SELECT 1 AS c" }),
  );
  const seen: unknown[] = [];
  const also = ({ dir }: { readonly dir: string }) => {
    const copy = statSync(join(dir, "mart/b.parquet"));
    seen.push([copy.nlink, copy.mode & 0o777]);
    rmSync(join(dir, "mart/c.parquet"));
  };
  await publish(store, martBuild({ "mart/a.parquet": "SELECT 2 AS a" }, { tag: 2, also }), { base: "active" });
  expect(seen).toEqual([[1, 0o644]]);
  expect(recordOf(folder, "r000002").tables.map(({ name }) => name)).toEqual(["meta", "a", "b"]);
  const reader = await readerOn(folder);
  expect((await reader.query("SELECT a, b, tag FROM mart.a, mart.b, meta")).rows).toEqual([[2, 1, 2]]);
  const sameFile =
    statSync(join(folder, "releases/r000002/mart/b.parquet")).ino ===
    statSync(join(folder, "releases/r000001/mart/b.parquet")).ino;
  expect(sameFile).toBe(true);
});

test("a publish mends a store whose active record is damaged; a build that begins with a copy of that release is refused", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder);
  await publish(store, martBuild({ "mart/a.parquet": "SELECT 1 AS a" }));
  const record = join(folder, "releases/r000001/release.json");
  chmodSync(record, 0o644);
  writeFileSync(record, "{");
  await expect(publish(store, martBuild({ "mart/a.parquet": "SELECT 2 AS a" }), { base: "active" })).rejects.toMatchObject({
    code: "RECORD_INVALID",
  });
  await expect(releasePath(store)).rejects.toMatchObject({ code: "RECORD_INVALID" });
  expect(await publish(store, martBuild({ "mart/a.parquet": "SELECT 2 AS a" }))).toMatchObject({ outcome: "switched" });
  const reader = await readerOn(folder);
  expect((await reader.query("FROM mart.a")).rows).toEqual([[2]]);
});

test("the files of a release and of one table are told; kept releases are listed with their bytes", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder);
  await publish(store, martBuild(files));
  const at = (...names: string[]) => names.map((name) => join(folder, "releases/r000001", name));
  expect((await releasePath(store, "mart.days")).files).toEqual(
    at("mart/days/year=2025/part.parquet", "mart/days/year=2026/part.parquet"),
  );
  expect((await releasePath(store, "sales")).files).toEqual(at("mart/sales.parquet"));
  expect((await releasePath(store, "meta")).files).toEqual(at("DB.duckdb"));
  expect((await releasePath(store)).files.toSorted()).toEqual(at("DB.duckdb", ...Object.keys(files)).toSorted());
  await expect(releasePath(store, "none")).rejects.toMatchObject({ code: "TABLE_UNKNOWN" });
  const { releases } = await listReleases(store);
  const bytes = recordOf(folder, "r000001").files.reduce((sum, file) => sum + file.bytes, 0);
  expect(releases).toMatchObject([{ release: "r000001", bytes }]);
});
