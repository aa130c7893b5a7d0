import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import { sqliteEngine } from "../../../src/engine/sqlite/engine.ts";
import { nodePlatform } from "../../../src/platform/node.ts";
import { distUrl, startScript } from "../../support/child.ts";
import { sqliteMissing, writeSqlite } from "../../support/sqlite.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const engine = sqliteEngine(nodePlatform());
let folder: string;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder, "labels.db");
});

describe.skipIf(sqliteMissing !== undefined)("opening", () => {
  test("nothing can be written, and nothing appears beside the file", async () => {
    writeSqlite(path, "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)");
    chmodSync(path, 0o444);
    const before = readFileSync(path);
    const database = await engine.open(path);
    expect(database.prepare("SELECT x FROM t").all()).toEqual([{ x: 1 }]);
    expect(database.pragma("query_only", { simple: true })).toBe(1);
    database.pragma("query_only = OFF");
    expect(() => database.pragma("user_version = 5")).toThrow(expect.objectContaining({ code: "SQLITE_READONLY" }));
    expect(readdirSync(folder)).toEqual(["labels.db"]);
    database.close();
    expect(readdirSync(folder)).toEqual(["labels.db"]);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test.skipIf(process.getuid?.() !== 0)("a user who may only read file and folder reads it, and makes nothing", async () => {
    writeSqlite(path, "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)");
    await engine.seal(path);
    chmodSync(path, 0o444);
    chmodSync(folder, 0o555);
    const reader = startScript(`
      import { sqliteEngine } from ${JSON.stringify(distUrl("engine/sqlite/engine.js"))};
      import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
      process.setgid(65534);
      process.setuid(65534);
      const database = await sqliteEngine(nodePlatform()).open(${JSON.stringify(path)});
      console.log("rows " + JSON.stringify(database.prepare("SELECT x FROM t").all()));
    `);
    expect(await reader.line("rows ")).toBe('rows [{"x":1}]');
    expect(readdirSync(folder)).toEqual(["labels.db"]);
  });

  test("a file in WAL mode was not sealed and is refused", async () => {
    writeSqlite(path, "PRAGMA journal_mode = WAL", "CREATE TABLE t (x)");
    await expect(engine.open(path)).rejects.toMatchObject({
      code: "DATABASE_CORRUPT",
      message: expect.stringContaining("WAL mode"),
    });
  });

  test("what is missing or no database is told", async () => {
    await expect(engine.open(path)).rejects.toMatchObject({ code: "FILE_MISSING", subject: path });
    writeFileSync(path, "no database at all ".repeat(100));
    await expect(engine.open(path)).rejects.toMatchObject({ code: "DATABASE_CORRUPT", subject: path });
  });
});

/** An installation beside which `better-sqlite3` is what `version` says, or is not. */
function installation(version: string | undefined): string {
  const place = join(folder, "installed");
  cpSync(fileURLToPath(distUrl("engine/sqlite")), join(place, "dist/engine/sqlite"), { recursive: true });
  for (const room of ["errors", "model", "platform"]) symlinkSync(fileURLToPath(distUrl(room)), join(place, "dist", room));
  writeFileSync(join(place, "package.json"), '{ "type": "module" }');
  if (version !== undefined) {
    const home = join(place, "node_modules/better-sqlite3");
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "package.json"), JSON.stringify({ name: "better-sqlite3", version, main: "index.js" }));
    writeFileSync(join(home, "index.js"), 'process.kill(process.pid, "SIGKILL");');
  }
  return place;
}

async function errorsOf(place: string): Promise<unknown[]> {
  const child = startScript(`
    import { sqliteEngine } from ${JSON.stringify(join(place, "dist/engine/sqlite/engine.js"))};
    import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
    const engine = sqliteEngine(nodePlatform());
    const tell = (error) => error.toJSON();
    console.log("errors " + JSON.stringify([
      await engine.open("none.db").catch(tell), await engine.seal("none.db").catch(tell), await engine.copy("none.db", "copy.db").catch(tell),
    ]));
  `);
  return JSON.parse((await child.line("errors ")).slice("errors ".length)) as unknown[];
}

describe("the optional package", () => {
  test("where it is not installed every use says so, and how it is installed", async () => {
    const missing = { code: "FEATURE_MISSING", hint: expect.stringContaining("npm install better-sqlite3@12") };
    expect(await errorsOf(installation(undefined))).toMatchObject([missing, missing, missing]);
  });

  test("a version that is too old is refused before it is loaded", async () => {
    const old = { code: "FEATURE_MISSING", message: expect.stringContaining("11.9.1 is installed, which is older than 12") };
    expect(await errorsOf(installation("11.9.1"))).toMatchObject([old, old, old]);
  });

  test.skipIf(Number.parseInt(process.versions.node, 10) >= 22)(
    "FACTS 5: one that crashes on this Node is refused before it is loaded",
    async () => {
      const modern = { code: "FEATURE_MISSING", message: expect.stringContaining("13.0.0 is installed, which needs Node 22") };
      expect(await errorsOf(installation("13.0.0"))).toMatchObject([modern, modern, modern]);
    },
  );
});
