import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { sqliteEngine } from "../../../src/engine/sqlite/engine.ts";
import { nodePlatform } from "../../../src/platform/node.ts";
import { startScript } from "../../support/child.ts";
import { sqliteMissing, sqliteScript, writeAndDie, writeSqlite } from "../../support/sqlite.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const engine = sqliteEngine(nodePlatform());
let source: string;
let target: string;
let targets: string;
beforeEach(() => {
  const folder = temporaryFolder();
  targets = join(folder, "targets");
  mkdirSync(targets);
  source = join(folder, "live.db");
  target = join(targets, "copy.db");
});

async function rowOf(path: string, sql: string): Promise<unknown> {
  const database = await engine.open(path);
  try {
    return database.prepare(sql).get();
  } finally {
    database.close();
  }
}

/** Two tables that one transaction writes. */
const paired = "CREATE TABLE a (x); CREATE TABLE b (x); INSERT INTO a VALUES (0); INSERT INTO b VALUES (0)";

describe.skipIf(sqliteMissing !== undefined)("copying", () => {
  test("a file at rest is copied, and stays byte for byte as it was", async () => {
    writeSqlite(source, paired);
    const before = readFileSync(source);
    await engine.copy(source, target);
    expect(readFileSync(source).equals(before)).toBe(true);
    expect(readdirSync(targets)).toEqual(["copy.db"]);
    expect(await rowOf(target, "SELECT x FROM a")).toEqual({ x: 0 });
  });

  test("FACTS 5: under a writer that never rests a copy ends, and is of one moment", async () => {
    const writer = startScript(
      sqliteScript(
        source,
        `database.pragma("journal_mode = WAL");
        database.exec(${JSON.stringify(paired)});
        database.exec("CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, hex(randomblob(50)) AS h FROM n");
        console.log("ready");
        const step = () => { database.exec("BEGIN; UPDATE a SET x = x + 1; UPDATE b SET x = x + 1; COMMIT"); setImmediate(step); };
        step();`,
      ),
    );
    await writer.line("ready");
    for (const round of [1, 2, 3]) {
      const copy = join(targets, `${round}.db`);
      await engine.copy(source, copy);
      const row = (await rowOf(copy, "SELECT a.x AS a, b.x AS b, (SELECT count(*) FROM filler) AS n FROM a, b")) as Record<
        string,
        number
      >;
      expect(row).toEqual({ a: row["b"], b: row["b"], n: 20_000 });
      await engine.seal(copy);
    }
    expect(readdirSync(targets)).toEqual(["1.db", "2.db", "3.db"]);
    expect(writer.process.exitCode).toBeNull();
  });

  test("rows in the write-ahead log of a killed writer are copied", async () => {
    writeAndDie(source, 'database.pragma("journal_mode = WAL"); database.exec("CREATE TABLE t (x); INSERT INTO t VALUES (7)")');
    const before = readFileSync(source);
    await engine.copy(source, target);
    expect(await rowOf(target, "SELECT x FROM t")).toEqual({ x: 7 });
    expect(readFileSync(source).equals(before)).toBe(true);
  });

  test("a file that a writer holds for itself is told as locked", async () => {
    const body = `database.exec(${JSON.stringify(`${paired}; BEGIN EXCLUSIVE`)}); console.log("held"); process.stdin.once("data", () => process.exit(0));`;
    const writer = startScript(sqliteScript(source, body));
    await writer.line("held");
    await expect(engine.copy(source, target)).rejects.toMatchObject({ code: "FILE_LOCKED", subject: source });
    expect(readdirSync(targets)).toEqual([]);
    writer.send("end");
    await writer.ended;
    await engine.copy(source, target);
  });

  test("a target that exists is never written", async () => {
    writeSqlite(source, paired);
    writeFileSync(target, "mine");
    await expect(engine.copy(source, target)).rejects.toMatchObject({ code: "IO_FAILED", subject: target });
    expect(readFileSync(target, "utf8")).toBe("mine");
  });

  test("a source that is missing, empty or no database is told, and nothing is made", async () => {
    await expect(engine.copy(source, target)).rejects.toMatchObject({ code: "FILE_MISSING" });
    writeFileSync(source, "");
    await expect(engine.copy(source, target)).rejects.toMatchObject({ code: "DATABASE_CORRUPT" });
    writeFileSync(source, "no database at all ".repeat(100));
    await expect(engine.copy(source, target)).rejects.toMatchObject({ code: "DATABASE_CORRUPT" });
    expect(readdirSync(targets)).toEqual([]);
  });
});
