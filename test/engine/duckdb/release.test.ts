import { copyFileSync, existsSync, renameSync, statSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { startScript } from "../../support/child.ts";
import { writeDatabase } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { engine, errorOf, openFile, sampleFile, valueOf, writeFromOutside } from "./support.ts";

const driverUrl = JSON.stringify(import.meta.resolve("@duckdb/node-api"));

/** Runs statements on a file in a process that is killed right after them, so that they stay in the write-ahead log. */
async function writeAndDie(path: string, ...statements: string[]): Promise<void> {
  const child = startScript(`
    import { DuckDBInstance } from ${driverUrl};
    const instance = await DuckDBInstance.create(${JSON.stringify(path)});
    const connection = await instance.connect();
    for (const sql of ${JSON.stringify(statements)}) await connection.run(sql);
    process.kill(process.pid, "SIGKILL");
  `);
  await child.ended;
  expect(existsSync(`${path}.wal`)).toBe(true);
}

test("FACTS 2.6: checkpoint folds the log of a killed writer into the file and leaves none", async () => {
  const path = await sampleFile(5);
  await writeAndDie(path, "INSERT INTO t SELECT range FROM range(500)", "CREATE VIEW v AS SELECT * FROM DB.main.t");
  const bytes = statSync(path).size;
  await engine.checkpoint(path);
  expect(existsSync(`${path}.wal`)).toBe(false);
  expect(statSync(path).size).toBeGreaterThanOrEqual(bytes);
  const database = await openFile(path);
  expect(await valueOf(database, "SELECT count(*) FROM v")).toBe("505");
  await database.close();
  await engine.checkpoint(path);
  expect(await writeFromOutside(path)).toBe("free");
});

test("FACTS 2.6: the log of another file is not folded in: an error, or nothing changed", async () => {
  const folder = temporaryFolder();
  const [path, other] = [join(folder, "DB.duckdb"), join(folder, "other.duckdb")];
  for (const [file, rows] of [
    [path, 10],
    [other, 20],
  ] as const) {
    await writeDatabase(
      file,
      `ATTACH '${file}.new' AS fresh (STORAGE_VERSION 'v1.5.0')`,
      `CREATE TABLE fresh.t AS SELECT range AS n FROM range(${rows})`,
    );
    renameSync(`${file}.new`, file);
  }
  await writeAndDie(other, "INSERT INTO t SELECT 1");
  copyFileSync(`${other}.wal`, `${path}.wal`);
  const error = await errorOf(engine.checkpoint(path));
  expect(error).toMatchObject({ code: "DATABASE_CORRUPT", subject: path });
  expect(await errorOf(openFile(path))).toMatchObject({ code: "DATABASE_CORRUPT" });
});

test("FACTS 2.7: a view that names its catalogue works under the constant name, and under the slot's stem", async () => {
  const folder = temporaryFolder();
  const built = join(folder, "ware.duckdb");
  await writeDatabase(built, "CREATE TABLE t AS SELECT 1 AS n", `CREATE VIEW v AS SELECT * FROM "ware"."main"."t"`);
  const slot = join(folder, "ware_b.duckdb");
  renameSync(built, slot);
  const alone = await engine.inspect(slot, "ware_b");
  expect(alone.brokenViews).toEqual([{ schema: "main", name: "v", error: expect.stringContaining("ware") }]);
  await alone.close();
  const named = await engine.inspect(slot, "ware");
  expect(named.brokenViews).toEqual([]);
  await named.close();
  const foreign = join(folder, "ware_a.duckdb");
  await writeDatabase(foreign, "CREATE TABLE t AS SELECT 2 AS n", `CREATE VIEW v AS SELECT * FROM "ware_a"."main"."t"`);
  const database = await openFile(foreign, { names: ["ware", "ware_a"] });
  expect(await valueOf(database, "SELECT n FROM v")).toBe(2);
  expect(await valueOf(database, "SELECT current_database()")).toBe("ware");
});

test("inspect tells tables of every schema with exact rows, columns, views, and the storage version", async () => {
  const path = join(temporaryFolder(), "DB.duckdb");
  await writeDatabase(
    path,
    "CREATE TABLE b (id INTEGER PRIMARY KEY, name VARCHAR, price DECIMAL(18, 3) NOT NULL)",
    "INSERT INTO b VALUES (1, 'x', 1), (2, NULL, 2)",
    "DELETE FROM b WHERE id = 1",
    `CREATE SCHEMA "main mart"`,
    `CREATE TABLE "main mart"."it's ""t""" AS SELECT range AS n FROM range(3000)`,
    `CREATE VIEW "main mart".v AS SELECT id, price * 2 AS twice FROM main.b`,
    "CREATE TABLE a AS SELECT 1 AS n WHERE false",
    "CREATE VIEW broken AS SELECT * FROM a",
    "DROP TABLE a",
    "CREATE TEMP TABLE scratch AS SELECT 1",
  );
  const inspection = await engine.inspect(path, "DB");
  expect(inspection.storageVersion).toBe("v1.0.0");
  expect(inspection.tables).toEqual([
    {
      schema: "main",
      name: "b",
      kind: "table",
      rows: 1,
      columns: [
        { name: "id", type: "INTEGER", nullable: false },
        { name: "name", type: "VARCHAR", nullable: true },
        { name: "price", type: "DECIMAL(18,3)", nullable: false },
      ],
    },
    { schema: "main", name: "broken", kind: "view", columns: [] },
    {
      schema: "main mart",
      name: `it's "t"`,
      kind: "table",
      rows: 3000,
      columns: [{ name: "n", type: "BIGINT", nullable: true }],
    },
    {
      schema: "main mart",
      name: "v",
      kind: "view",
      columns: [
        { name: "id", type: "INTEGER", nullable: true },
        { name: "twice", type: "DECIMAL(18,3)", nullable: true },
      ],
    },
  ]);
  expect(inspection.brokenViews).toEqual([
    { schema: "main", name: "broken", error: expect.stringMatching(/^Catalog Error: Table with name a/) },
  ]);
  expect((await inspection.query("SELECT count(*) FROM b")).rows).toEqual([["1"]]);
  await inspection.close();
});

test("inspect counts hundreds of tables, and names the storage version a file was made with", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "DB.duckdb");
  const tables = Array.from(
    { length: 250 },
    (_, index) => `CREATE TABLE fresh.t${index} AS SELECT range AS n FROM range(${index})`,
  );
  await writeDatabase(join(folder, "outer.duckdb"), `ATTACH '${path}' AS fresh (STORAGE_VERSION 'v1.5.0')`, ...tables);
  const inspection = await engine.inspect(path, "DB");
  expect(inspection.storageVersion).toBe("v1.5.0");
  expect(inspection.tables).toHaveLength(250);
  for (const { name, rows } of inspection.tables) expect(`t${rows}`).toBe(name);
  await inspection.close();
});

test("inspect and checkpoint of a missing file are FILE_MISSING, and make no file", async () => {
  const path = join(temporaryFolder(), "none.duckdb");
  expect((await errorOf(engine.inspect(path, "DB"))).code).toBe("FILE_MISSING");
  expect((await errorOf(engine.checkpoint(path))).code).toBe("FILE_MISSING");
  expect(existsSync(path)).toBe(false);
});

test("digests are those of the bytes, in the order asked, for odd names and many files", async () => {
  const folder = temporaryFolder();
  const bytes = [Buffer.alloc(0), Buffer.from("hello"), Buffer.alloc(9_000_001, 7)];
  const paths = bytes.map((content, index) => {
    const path = join(folder, `it's "${index}" ü -x`);
    writeFileSync(path, content);
    return path;
  });
  const expected = paths.map((path, index) => {
    const content = bytes[index] ?? Buffer.alloc(0);
    return { path, bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };
  });
  expect(await engine.digest(paths)).toEqual(expected);
  expect(await engine.digest([])).toEqual([]);
  const many = Array.from({ length: 700 }, () => paths[1] ?? "");
  expect(new Set((await engine.digest(many)).map(({ sha256 }) => sha256)).size).toBe(1);
});

test("a digest that cannot be made says why: missing, a folder, aborted", async () => {
  const path = await sampleFile();
  const missing = join(dirname(path), "none");
  expect(await errorOf(engine.digest([path, missing]))).toMatchObject({ code: "FILE_MISSING", subject: missing });
  expect(await errorOf(engine.digest([dirname(path)]))).toMatchObject({
    code: "IO_FAILED",
    message: expect.stringContaining("EISDIR"),
  });
  expect(await errorOf(engine.digest([path], AbortSignal.abort()))).toMatchObject({ code: "INTERRUPTED" });
});
