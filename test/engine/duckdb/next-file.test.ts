import { copyFileSync, readdirSync, readlinkSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { duckdbEngine, type DuckdbEngine } from "../../../src/engine/duckdb/engine.ts";
import { platform, sampleFile, valueOf, writeFromOutside } from "./support.ts";

const files = { names: ["DB", "DB_a"], concurrency: 2, settings: { threads: "2" } } as const;

/** An engine of the test's own, for the spare is an engine's. */
function ownEngine(): DuckdbEngine {
  const engine = duckdbEngine(platform);
  onTestFinished(() => engine.dropSpare());
  return engine;
}

/** Descriptors of this process on a file, by its current name. */
function descriptorsOn(path: string): number {
  const links = readdirSync("/proc/self/fd").map((descriptor) => {
    try {
      return readlinkSync(join("/proc/self/fd", descriptor));
    } catch {
      return "";
    }
  });
  return links.filter((link) => link === path).length;
}

test.runIf(process.platform === "linux")(
  "a file is let go of before `close` resolves: no descriptor, no lock, and it may be written",
  async () => {
    const path = await sampleFile();
    const engine = ownEngine();
    await engine.prepareSpare(files.settings);
    const first = await engine.open({ ...files, path });
    await valueOf(first, "SELECT sum(n) FROM t");
    expect(descriptorsOn(path)).toBeGreaterThan(0);
    const closing = first.close();
    const again = engine.open({ ...files, path });
    await closing;
    // The second opening came while the first was being closed: it waited, and has the lock.
    const second = await again;
    expect(await valueOf(second, "SELECT count(*) FROM t")).toBe("1000");
    expect(await writeFromOutside(path)).not.toBe("free");
    await second.close();
    expect(descriptorsOn(path)).toBe(0);
    expect(engine.isOpenHere(second.file)).toBe(false);
    expect(await writeFromOutside(path)).toBe("free");
  },
);

test("a statement asked of one file is bound anew for the next, whose columns differ", async () => {
  const path = await sampleFile(3);
  const next = await sampleFile(3, "CREATE OR REPLACE TABLE t AS SELECT 'x' AS word, range AS n, 1.5 AS half FROM range(9)");
  const engine = ownEngine();
  await engine.prepareSpare(files.settings);
  const columns: string[][] = [];
  for (const each of [path, next, path]) {
    const database = await engine.open({ ...files, path: each });
    const result = await database.query("SELECT * FROM t WHERE n > $1", [0], { rowsMax: 100 });
    columns.push(result.columns.map(({ name, type }) => `${name} ${type}`));
    await database.close();
  }
  expect(columns).toEqual([["n BIGINT"], ["word VARCHAR", "n BIGINT", "half DECIMAL(2,1)"], ["n BIGINT"]]);
});

test("names that the engine numbers, and parameters whose type changes with the file, are those of the file that is asked", async () => {
  const twice = await sampleFile(
    3,
    "CREATE VIEW v AS SELECT 1 AS a, 2 AS b",
    "CREATE TABLE times AS SELECT TIMESTAMP '2026-03-01 12:00:00' AS moment",
  );
  const numbered = await sampleFile(
    3,
    "CREATE VIEW v AS SELECT 1 AS a_1, 2 AS b",
    "CREATE TABLE times AS SELECT TIMESTAMPTZ '2026-03-01 12:00:00+00' AS moment",
  );
  const engine = ownEngine();
  await engine.prepareSpare({ timezone: "America/New_York" });
  for (const path of [twice, numbered, twice, numbered]) {
    const database = await engine.open({ ...files, settings: { timezone: "America/New_York" }, path });
    const ask = (sql: string, parameters?: unknown[]) => database.query(sql, parameters, { rowsMax: 100 });
    const doubled = await ask("SELECT 1 AS a, * FROM v, (SELECT 3 AS a)");
    expect(doubled.columns.map(({ name }) => name)).toEqual(path === twice ? ["a", "a", "b", "a"] : ["a", "a_1", "b", "a"]);
    const found = await ask("SELECT count(*)::INT FROM times WHERE moment = $1", [new Date("2026-03-01T12:00:00Z")]);
    expect(found.rows).toEqual([[1]]);
    await expect(ask("SELECT missing FROM v")).rejects.toMatchObject({ code: "QUERY_FAILED" });
    await database.close();
  }
});

test("a file that was replaced under the same path is read anew by the instance that had the old one", async () => {
  const path = await sampleFile(3);
  const engine = ownEngine();
  await engine.prepareSpare(files.settings);
  for (const rows of [3, 40, 500]) {
    if (rows > 3) {
      const build = join(dirname(path), "build");
      copyFileSync(await sampleFile(rows), build);
      renameSync(build, path);
    }
    const database = await engine.open({ ...files, path });
    expect(await valueOf(database, "SELECT count(*) FROM t")).toBe(String(rows));
    await database.close();
  }
});
