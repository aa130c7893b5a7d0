import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { distUrl, startScript } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { openDatabases } from "./support/descriptors.ts";
import { ForeignWriter } from "./support/foreign-writer.ts";
import { readerOn, startLoad, until, wholeSql, wholeValue } from "./support/real-reader.ts";

/** A store whose slot `a` holds 1 and is active, and the program that wrote it. */
async function oneRelease(): Promise<{ readonly folder: string; readonly writer: ForeignWriter }> {
  const folder = temporaryFolder();
  const writer = new ForeignWriter(folder);
  await writer.build(writer.slot("a"), 1, { rename: false });
  await writer.manifest("rename", "a", 1);
  return { folder, writer };
}

test("connects to the database file indicated by the active field", async () => {
  const { folder, writer } = await oneRelease();
  await writer.build(writer.slot("b"), 2, { rename: false });
  const onA = await readerOn(folder);
  expect(wholeValue(await onA.query(wholeSql))).toBe(1);
  await writer.manifest("rename", "b", 2);
  const onB = await readerOn(folder);
  expect(wholeValue(await onB.query(wholeSql))).toBe(2);
  expect(onB.status()).toMatchObject({ active: "b", servingVersion: 2 });
});

test("reads the manifest whenever the app asks for a connection: the request after a switch returns the new data", async () => {
  const { folder, writer } = await oneRelease();
  const reader = await readerOn(folder, { pollMs: 3_600_000 });
  for (let version = 2; version <= 6; version += 1) {
    const slot = version % 2 === 0 ? "b" : "a";
    await writer.build(writer.slot(slot), version, { rename: true });
    expect(wholeValue(await reader.query(wholeSql))).toBe(version - 1);
    await writer.manifest("rename", slot, version);
    expect(wholeValue(await reader.query(wholeSql))).toBe(version);
  }
});

test("closes the old connection and opens one to the new active database", async () => {
  const { folder, writer } = await oneRelease();
  const reader = await readerOn(folder);
  await writer.build(writer.slot("b"), 2, { rename: false });
  await writer.manifest("rename", "b", 2);
  await reader.query(wholeSql);
  await until(() => reader.status().generations.length === 1);
  expect(openDatabases(folder) ?? ["holdings_b.duckdb"]).toEqual(["holdings_b.duckdb"]);
  await reader.close();
  expect(openDatabases(folder) ?? []).toEqual([]);
});

test("in-flight requests finish on what they started with", async () => {
  const { folder, writer } = await oneRelease();
  const reader = await readerOn(folder);
  await writer.build(writer.slot("b"), 2, { rename: false });
  const long = reader.query(
    "SELECT max(l.value)::INT, count(*)::BIGINT FROM t l JOIN t r ON l.n % 200 = r.n % 200 AND l.n <> r.n",
  );
  await writer.manifest("rename", "b", 2);
  expect(wholeValue(await reader.query(wholeSql))).toBe(2);
  expect((await long).rows[0]?.[0]).toBe(1);
  expect((await long).release).toBe("v1-a");
});

const readerScript = (folder: string) => `
  import { openReader } from ${JSON.stringify(distUrl("workspace/open-reader.js"))};
  process.on("warning", (warning) => console.log("warning " + warning.message));
  try {
    const reader = await openReader({ dir: ${JSON.stringify(folder)} });
    for (let round = 0; round < 3; round += 1) {
      const { rows, release } = await reader.query("SELECT max(value)::INT FROM t");
      console.log("answer " + rows[0][0] + " " + release);
    }
    await reader.close();
  } catch (error) {
    console.log("error " + error.code + " " + error.message);
  }
`;

test("falls back to DUCKDB_PATH with one warning", async () => {
  const folder = temporaryFolder();
  const single = join(folder, "holdings.duckdb");
  const writer = new ForeignWriter(folder);
  await writer.build(single, 7, { rename: false });
  const app = startScript(readerScript(folder), { env: { DUCKDB_PATH: single, LOCKKEEPER_BUILD_PATH: "" } });
  await app.ended;
  const lines = app.stdout().trim().split("\n");
  expect(lines.filter((line) => line.startsWith("answer"))).toEqual(Array.from({ length: 3 }, () => "answer 7 fallback"));
  const warnings = lines.filter((line) => line.startsWith("warning"));
  expect(warnings).toEqual([expect.stringContaining(`there is no manifest at ${join(folder, "db_manifest.json")}`)]);
});

test("falls back to DUCKDB_PATH never inside a build, where that is the file being written", async () => {
  const folder = temporaryFolder();
  const single = join(folder, "holdings.duckdb");
  await new ForeignWriter(folder).build(single, 7, { rename: false });
  const app = startScript(readerScript(folder), { env: { DUCKDB_PATH: single, LOCKKEEPER_BUILD_PATH: single } });
  expect(await app.line("error ")).toContain("NO_RELEASE");
});

test("the app stays available while the ETL writes the inactive database: no lock error on either side", async () => {
  const { folder, writer } = await oneRelease();
  const reader = await readerOn(folder);
  const load = startLoad(reader, 4);
  expect(await writer.hold(writer.slot("b"))).toBe("ok");
  const during = load.values.length;
  await until(() => load.values.length > during + 50);
  expect(await writer.release(2)).toBe("ok");
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(new Set(load.values)).toEqual(new Set([1]));
});

test("a failed build does not switch: an ETL that is killed leaves manifest and active file untouched, and users see the previous data", async () => {
  const { folder, writer } = await oneRelease();
  const before = [join(folder, "db_manifest.json"), writer.slot("a")].map((path) => readFileSync(path));
  const reader = await readerOn(folder);
  await writer.hold(writer.slot("b"));
  writer.child.process.kill("SIGKILL");
  await writer.child.ended;
  const result = await reader.query(wholeSql);
  expect([wholeValue(result), result.release]).toEqual([1, "v1-a"]);
  await reader.close();
  expect([join(folder, "db_manifest.json"), writer.slot("a")].map((path) => readFileSync(path))).toEqual(before);
});

test("rollback by deleting the manifest: the app falls back by itself, and the single-file ETL gets its lock while the app is idle", async () => {
  const { folder, writer } = await oneRelease();
  const single = join(folder, "holdings.duckdb");
  await writer.build(single, 7, { rename: false });
  const reader = await readerOn(folder, { fallback: single, pollMs: 20, fallbackIdleMs: 50 });
  const warnings: string[] = [];
  reader.on("warning", ({ message }) => void warnings.push(message));
  rmSync(join(folder, "db_manifest.json"));
  expect(wholeValue(await reader.query(wholeSql))).toBe(1);
  await until(() => reader.status().mode === "fallback");
  expect(wholeValue(await reader.query(wholeSql))).toBe(7);
  expect(warnings).toEqual([expect.stringContaining("was deleted: serving the single file")]);
  await until(() => reader.status().generations.length === 0);
  expect(await writer.hold(single)).toBe("ok");
  const early = reader.query(wholeSql);
  expect(await writer.release(8)).toBe("ok");
  expect(wholeValue(await early)).toBe(8);
});

test("while the single-file ETL holds its lock longer than the wait, requests are UNAVAILABLE and name it", async () => {
  const folder = temporaryFolder();
  const single = join(folder, "holdings.duckdb");
  const writer = new ForeignWriter(folder);
  await writer.build(single, 7, { rename: false });
  expect(await writer.hold(single)).toBe("ok");
  const reader = await readerOn(folder, { fallback: single, waitMs: 100 });
  await expect(reader.query(wholeSql)).rejects.toMatchObject({ code: "UNAVAILABLE", holder: { pid: writer.child.pid } });
  expect(await writer.release(8)).toBe("ok");
  expect(wholeValue(await reader.query(wholeSql))).toBe(8);
});
