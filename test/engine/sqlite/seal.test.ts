import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { sqliteEngine } from "../../../src/engine/sqlite/engine.ts";
import { nodePlatform } from "../../../src/platform/node.ts";
import { startScript } from "../../support/child.ts";
import { sqliteMissing, sqliteScript, writeAndDie, writeSqlite } from "../../support/sqlite.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const engine = sqliteEngine(nodePlatform());
let folder: string;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder, "labels.db");
});

/** The file as a reader gets it. */
async function valueOf(sql: string): Promise<unknown> {
  const database = await engine.open(path);
  try {
    return Object.values(database.prepare(sql).get() as object)[0];
  } finally {
    database.close();
  }
}

/** Of the header: 1 for a rollback journal, 2 for a write-ahead log. */
function formatVersions(): number[] {
  return [...readFileSync(path).subarray(18, 20)];
}

const manyRows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t SELECT i FROM n";

describe.skipIf(sqliteMissing !== undefined)("sealing", () => {
  test("a closed file stays as it is, byte for byte", async () => {
    writeSqlite(path, "CREATE TABLE t (x)", manyRows);
    const before = readFileSync(path);
    await engine.seal(path);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual(["labels.db"]);
  });

  test("rows that a killed writer left in its write-ahead log are in the sealed file", async () => {
    writeAndDie(path, 'database.pragma("journal_mode = WAL"); database.exec("CREATE TABLE t (x); INSERT INTO t VALUES (7)")');
    expect(readdirSync(folder)).toContain("labels.db-wal");
    await engine.seal(path);
    expect(readdirSync(folder)).toEqual(["labels.db"]);
    expect(formatVersions()).toEqual([1, 1]);
    expect(await valueOf("SELECT x FROM t")).toBe(7);
  });

  test("what a killed writer left half done is undone from its journal", async () => {
    const insert =
      'const insert = database.prepare("INSERT INTO t VALUES (randomblob(2000))"); for (let i = 0; i < 2000; i += 1) insert.run()';
    writeAndDie(
      path,
      `database.exec("CREATE TABLE t (x); INSERT INTO t VALUES (1)"); database.pragma("cache_size = 2"); database.exec("BEGIN"); ${insert}`,
    );
    expect(readdirSync(folder)).toContain("labels.db-journal");
    await expect(engine.open(path)).rejects.toMatchObject({ code: "DATABASE_CORRUPT" });
    await engine.seal(path);
    expect(readdirSync(folder)).toEqual(["labels.db"]);
    expect(await valueOf("SELECT count(*) FROM t")).toBe(1);
  });

  test.each(["persist", "truncate"])("the journal that mode %s leaves is removed", async (mode) => {
    writeSqlite(path, `PRAGMA journal_mode = ${mode}`, "CREATE TABLE t (x)");
    expect(readdirSync(folder)).toContain("labels.db-journal");
    await engine.seal(path);
    expect(readdirSync(folder)).toEqual(["labels.db"]);
  });

  test.each([
    ["in WAL mode, idle", 'database.pragma("journal_mode = WAL"); database.exec("CREATE TABLE t (x)")'],
    ["in a transaction that writes", 'database.exec("CREATE TABLE t (x); BEGIN; INSERT INTO t VALUES (1)")'],
    [
      "in the middle of reading",
      'database.exec("CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)"); database.prepare("SELECT * FROM t").iterate().next()',
    ],
  ])("a file that another process has open is refused: %s", async (_, body) => {
    const other = startScript(
      sqliteScript(path, `${body}; console.log("open"); process.stdin.once("data", () => process.exit(0));`),
    );
    await other.line("open");
    await expect(engine.seal(path)).rejects.toMatchObject({ code: "BUILD_UNFINISHED", subject: path });
    other.send("end");
    await other.ended;
    await engine.seal(path);
    expect(readdirSync(folder)).toEqual(["labels.db"]);
  });

  test("a damaged page is told with the check's own words", async () => {
    writeSqlite(path, "CREATE TABLE t (x)", "CREATE INDEX i ON t (x)", manyRows);
    const bytes = readFileSync(path);
    bytes.fill(0xee, 4096 * 5, 4096 * 6);
    writeFileSync(path, bytes);
    await expect(engine.seal(path)).rejects.toMatchObject({
      code: "DATABASE_CORRUPT",
      message: expect.stringMatching(/integrity_check: Tree \d+ page 6: /),
    });
  });

  test("an index that lacks a row is told", async () => {
    writeSqlite(path, "CREATE TABLE t (x)", "CREATE INDEX i ON t (x)", "INSERT INTO t VALUES ('needle')");
    const bytes = readFileSync(path);
    const place = bytes.indexOf("needle");
    bytes.write("noodle", place);
    writeFileSync(path, bytes);
    await expect(engine.seal(path)).rejects.toMatchObject({ code: "DATABASE_CORRUPT" });
  });

  test("what is no database, empty, missing or a folder has its own answer", async () => {
    writeFileSync(path, "no database at all ".repeat(100));
    await expect(engine.seal(path)).rejects.toMatchObject({ code: "DATABASE_CORRUPT" });
    writeFileSync(path, "");
    await expect(engine.seal(path)).rejects.toMatchObject({
      code: "BUILD_EMPTY",
      message: expect.stringContaining("empty file"),
    });
    await expect(engine.seal(folder)).rejects.toMatchObject({ code: "BUILD_EMPTY", message: expect.stringContaining("folder") });
    const missing = join(folder, "none.db");
    await expect(engine.seal(missing)).rejects.toMatchObject({
      code: "BUILD_EMPTY",
      message: expect.stringContaining("nothing"),
    });
    expect(readdirSync(folder)).toEqual(["labels.db"]);
  });

  test("an abort interrupts it, and the file can be sealed again", async () => {
    writeSqlite(path, "CREATE TABLE t (x)", manyRows);
    const aborted = new AbortController();
    const sealing = engine.seal(path, aborted.signal);
    aborted.abort();
    await expect(sealing).rejects.toMatchObject({ code: "INTERRUPTED" });
    await engine.seal(path);
    expect(await valueOf("SELECT count(*) FROM t")).toBe(20_000);
  });
});
