import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseManifest } from "../../src/model/manifest.ts";
import { acquireLock } from "../../src/platform/lock.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import { adopt } from "../../src/release/adopt.ts";
import { publish } from "../../src/release/publish.ts";
import { openReader } from "../../src/workspace/open-reader.ts";
import { binPath } from "../support/child.ts";
import { rowsBuild, storeIn, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { failureOf, python, startPython, whyNoPython } from "./support.ts";

const lock = (folder: string) =>
  ({
    path: join(folder, ".writer.lock"),
    code: "WRITER_LOCKED",
    what: "the writer lock",
    purpose: "publish holdings",
    waitMs: 0,
  }) as const;

function manifestIn(folder: string) {
  const path = join(folder, "db_manifest.json");
  return parseManifest(readFileSync(path), path);
}

const write = (text: string) => `open(path, "w").write(${JSON.stringify(text)})`;

describe.skipIf(whyNoPython !== "")(`clients/python/lockkeeper.py${whyNoPython}`, () => {
  test("build_slot switches between the slots; a block that raises changes nothing, and leaves nothing", async () => {
    const folder = temporaryFolder();
    for (const [version, active] of [
      [1, "a"],
      [2, "b"],
      [3, "a"],
    ] as const) {
      await python(`with build_slot(".", "holdings") as path:\n    ${write(`release ${version}`)}`, { cwd: folder });
      expect(manifestIn(folder)).toMatchObject({ active, version, basename: "holdings", own: undefined });
      expect(readFileSync(join(folder, `holdings_${active}.duckdb`), "utf8")).toBe(`release ${version}`);
      expect(
        await python(`print(os.path.basename(active_path(".")), os.path.basename(inactive_path(".")))`, { cwd: folder }),
      ).toEqual([`holdings_${active}.duckdb holdings_${active === "a" ? "b" : "a"}.duckdb`]);
    }
    const before = readFileSync(join(folder, "db_manifest.json"), "utf8");
    const raising = `with build_slot(".", "holdings") as path:\n    ${write("half")}\n    raise ValueError("no input today")`;
    await expect(python(raising, { cwd: folder })).rejects.toThrow("no input today");
    expect(readFileSync(join(folder, "db_manifest.json"), "utf8")).toBe(before);
    expect(readFileSync(join(folder, "holdings_b.duckdb"), "utf8")).toBe("release 2");
    expect(readdirSync(folder).toSorted()).toEqual([
      ".writer.lock",
      "db_manifest.json",
      "holdings_a.duckdb",
      "holdings_b.duckdb",
    ]);
  });

  test("a reader of ours follows its switches, and the store can be taken under care and published to", async () => {
    const folder = temporaryFolder();
    for (const rows of [3, 4, 5])
      await writeDatabase(join(folder, `${rows}.duckdb`), `CREATE TABLE t AS SELECT * FROM range(${rows})`);
    const build = (rows: number) =>
      python(`import shutil\nwith build_slot("store", "DB") as path:\n    shutil.copyfile("${rows}.duckdb", path)`, {
        cwd: folder,
      });
    await build(3);
    const reader = await openReader({ dir: join(folder, "store"), basename: "DB" });
    onTestFinished(() => reader.close());
    const count = async () => {
      const { rows, version } = await reader.query("SELECT count(*) FROM t");
      return [String(rows[0]?.[0]), version];
    };
    expect(await count()).toEqual(["3", 1]);
    await build(4);
    expect(await count()).toEqual(["4", 2]);
    await build(5);
    expect(await count()).toEqual(["5", 3]);
    const store = storeIn(join(folder, "store"));
    await adopt(store);
    await publish(store, rowsBuild(7));
    expect(await count()).toEqual(["7", 5]);
    expect(await python(`print(active_path("store").name, read_manifest("store").version)`, { cwd: folder })).toEqual([
      "DB_b.duckdb 5",
    ]);
  });

  test("it begins with a copy of the active or the inactive slot where that is asked for", async () => {
    const folder = temporaryFolder();
    for (const text of ["one", "two"]) await python(`with build_slot(".", "DB") as path:\n    ${write(text)}`, { cwd: folder });
    const begun = (start: string) =>
      python(
        `with build_slot(".", start="${start}") as path:\n    print(path.read_text() if path.exists() else "nothing")\n    path.write_text(path.read_text() + "+" if path.exists() else "new")`,
        { cwd: folder },
      );
    expect(await begun("inactive")).toEqual(["one"]);
    expect(await begun("active")).toEqual(["one+"]);
    expect(await begun("empty")).toEqual(["nothing"]);
    expect(await failureOf(`with build_slot("new", "DB", start="active"): pass`, folder)).toMatch(/^NO_RELEASE /);
    expect(await failureOf(`with build_slot(".", start="active."): pass`, folder)).toMatch(/^USAGE /);
  });

  test("the writer lock keeps out each other's writers, both ways, and the threads of one process; the error names who holds it", async () => {
    const folder = temporaryFolder();
    const child = startPython(
      `with build_slot(".", "DB") as path:\n    print("building")\n    sys.stdin.readline()\n    ${write("x")}`,
      {
        cwd: folder,
      },
    );
    await child.line("building");
    await expect(acquireLock(nodePlatform(), lock(folder))).rejects.toMatchObject({
      code: "WRITER_LOCKED",
      message: expect.stringContaining(`by process ${child.pid}`),
    });
    expect(await failureOf(`switch_manifest(".", "a", basename="DB")`, folder)).toContain(`is held by process ${child.pid} `);
    child.send("go");
    expect((await child.ended).code).toBe(0);
    const held = await acquireLock(nodePlatform(), lock(folder));
    expect(await failureOf(`switch_manifest(".", "b", basename="DB")`, folder)).toMatch(
      new RegExp(`^WRITER_LOCKED .* is held by process ${process.pid} \\(`),
    );
    const waiting = startPython(`print("waiting")\nprint("version", switch_manifest(".", "a", basename="DB", wait=60))`, {
      cwd: folder,
    });
    await waiting.line("waiting");
    await held.release();
    expect(await waiting.line("version")).toBe("version 2");
    const threads = `
errors = []
def second():
    try:
        switch_manifest(".", "a")
    except LockkeeperError as error:
        errors.append(error.message)
with build_slot(".", "DB") as path:
    thread = threading.Thread(target=second); thread.start(); thread.join()
    ${write("y")}
print(errors[0]); print(read_manifest(".").version)`;
    expect(await python(threads, { cwd: folder })).toEqual([
      "the writer lock of . is held by another thread of this process",
      "3",
    ]);
  });

  test("killed in its block it leaves the lock free and the active release as it was; the next one sweeps", async () => {
    const folder = temporaryFolder();
    await python(`with build_slot(".", "DB") as path:\n    ${write("one")}`, { cwd: folder });
    const child = startPython(
      `with build_slot(".") as path:\n    ${write("half")}\n    print("building")\n    sys.stdin.readline()`,
      { cwd: folder },
    );
    await child.line("building");
    child.process.kill("SIGKILL");
    await child.ended;
    expect(readdirSync(folder).some((name) => name.startsWith(".building-"))).toBe(true);
    expect(manifestIn(folder)).toMatchObject({ active: "a", version: 1 });
    await python(`with build_slot(".") as path:\n    ${write("two")}`, { cwd: folder });
    expect(manifestIn(folder)).toMatchObject({ active: "b", version: 2 });
    expect(readdirSync(folder).filter((name) => name.startsWith(".b") || name.endsWith(".tmp"))).toEqual([]);
  });

  test.each([
    ["nothing is written", "pass", "BUILD_EMPTY"],
    ["an empty file is written", `open(path, "w").close()`, "BUILD_EMPTY"],
    ["its write-ahead log is left", `${write("x")}; open(f"{path}.wal", "w").close()`, "BUILD_UNFINISHED"],
    ["a log lies beside the slot", `${write("x")}; open("DB_a.duckdb.wal", "w").close()`, "SLOT_BUSY"],
    ["the lock file is deleted", `${write("x")}; os.unlink(".writer.lock")`, "LOCK_REPLACED"],
    [
      "the lock file is replaced",
      `${write("x")}; os.rename(".writer.lock", "old"); open(".writer.lock", "w").close()`,
      "LOCK_REPLACED",
    ],
    [
      "another program replaces the manifest",
      `${write("x")}; open("db_manifest.json", "w").write('{"active":"b","version":3}')`,
      "MANIFEST_MOVED",
    ],
  ])("a build is refused, and slots and manifest stay: %s", async (_, block, code) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "db_manifest.json"), '{"active":"b","version":2}');
    writeFileSync(join(folder, "DB_a.duckdb"), "old");
    const program = `with build_slot(".", "DB") as path: ${block}`;
    expect(await failureOf(program, folder)).toMatch(new RegExp(`^${code} `));
    expect(readFileSync(join(folder, "DB_a.duckdb"), "utf8")).toBe("old");
    expect(manifestIn(folder)).toMatchObject({ active: "b" });
    expect(readdirSync(folder).filter((name) => name.startsWith(".building-"))).toEqual([]);
  });

  test("the mode that slot and manifest had stays", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "db_manifest.json"), '{"active":"b","version":2}', { mode: 0o640 });
    writeFileSync(join(folder, "DB_a.duckdb"), "old");
    chmodSync(join(folder, "DB_a.duckdb"), 0o664);
    await python(`with build_slot(".", "DB") as path: ${write("x")}`, { cwd: folder });
    const modes = ["DB_a.duckdb", "db_manifest.json"].map((name) => statSync(join(folder, name)).mode & 0o777);
    expect(modes).toEqual([0o664, 0o640]);
  });

  test.each([
    ["empty", "", "MANIFEST_INVALID"],
    ["a list", "[]", "MANIFEST_INVALID"],
    ["no slot", '{"active":"c","version":1}', "MANIFEST_INVALID"],
    ["a path", '{"active":"../a","version":1}', "MANIFEST_INVALID"],
    ["no version", '{"active":"a"}', "MANIFEST_INVALID"],
    ["a version that is true", '{"active":"a","version":true}', "MANIFEST_INVALID"],
    ["a negative version", '{"active":"a","version":-1}', "MANIFEST_INVALID"],
    ["half a version", '{"active":"a","version":1.5}', "MANIFEST_INVALID"],
    ["an endless version", '{"active":"a","version":1e400}', "MANIFEST_INVALID"],
    ["a version that is no number", '{"active":"a","version":NaN}', "MANIFEST_INVALID"],
    ["a version past 2^53 - 1", '{"active":"a","version":9007199254740992}', "MANIFEST_INVALID"],
    ["a newer format", '{"active":"a","version":1,"formatVersion":2}', "FORMAT_UNSUPPORTED"],
    ["a byte order mark", '\uFEFF{"active":"a","version":1}', "MANIFEST_INVALID"],
    ["deep nesting", "[".repeat(40_000), "MANIFEST_INVALID"],
    ["more than 64 KiB", `{"active":"a","version":1,"x":"${"x".repeat(66_000)}"}`, "MANIFEST_INVALID"],
    ["a basename that leads out", '{"active":"a","version":1,"basename":"../x"}', "MANIFEST_INVALID"],
    ["a basename that DuckDB keeps", '{"active":"a","version":1,"basename":"Memory"}', "MANIFEST_INVALID"],
  ])("a manifest with %s is refused as our readers refuse it, and stays", async (_, text, code) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "db_manifest.json"), text);
    writeFileSync(join(folder, "DB_a.duckdb"), "x");
    expect(await failureOf(`active_path(".")`, folder)).toMatch(new RegExp(`^${code} `));
    await expect(openReader({ dir: folder })).rejects.toMatchObject({ code });
    expect(await failureOf(`with build_slot(".", "DB") as path: ${write("x")}`, folder)).toMatch(new RegExp(`^${code} `));
    expect(readFileSync(join(folder, "db_manifest.json"), "utf8")).toBe(text);
  });

  test("what is no file, what is not there and what cannot be told apart is told", async () => {
    const folder = temporaryFolder();
    expect(await failureOf(`active_path(".")`, folder)).toMatch(/^NO_RELEASE /);
    writeFileSync(join(folder, "elsewhere"), '{"active":"a","version":1}');
    symlinkSync("elsewhere", join(folder, "db_manifest.json"));
    expect(await failureOf(`active_path(".")`, folder)).toMatch(/^MANIFEST_INVALID /);
    unlinkSync(join(folder, "db_manifest.json"));
    mkdirSync(join(folder, "db_manifest.json"));
    expect(await failureOf(`active_path(".")`, folder)).toMatch(/^MANIFEST_INVALID .*not a regular file/);
    const other = temporaryFolder();
    writeFileSync(join(other, "db_manifest.json"), '{"active":"a","version":1}');
    expect(await failureOf(`active_path(".")`, other)).toMatch(/^CONFIG_INVALID there is no data file/);
    for (const name of ["x_a", "y_b"]) writeFileSync(join(other, `${name}.duckdb`), "x");
    expect(await failureOf(`active_path(".")`, other)).toMatch(/^CONFIG_INVALID .*several stems in \.: x, y \| Say which/);
    expect(await failureOf(`active_path(".", "y")`, other)).toMatch(/^FILE_MISSING /);
    expect(await failureOf(`switch_manifest(".", "c")`, other)).toMatch(/^USAGE /);
    expect(await failureOf(`switch_manifest(".", "a", basename="y")`, other)).toMatch(/^FILE_MISSING /);
  });

  test("of a store with release folders it tells the active file, and builds no slot", async () => {
    const folder = temporaryFolder();
    await publish(storeIn(folder, { layout: "releases" }), rowsBuild(3));
    expect(await python(`print(os.path.relpath(active_path(".")))`, { cwd: folder })).toEqual(["releases/r000001/DB.duckdb"]);
    expect(await failureOf(`with build_slot("."): pass`, folder)).toMatch(/^USAGE .*release folders/);
    expect(await failureOf(`inactive_path(".")`, folder)).toMatch(/^USAGE /);
  });

  test("publish runs a build through the command, and raises what it tells", async () => {
    const folder = temporaryFolder();
    const checks = `[[stores.holdings.checks]]\ncheck = "rows"\ntable = "t"\nmin = 2\n`;
    writeFileSync(join(folder, "lockkeeper.toml"), `format = 1\n[stores.holdings]\nkind = "release"\ndir = "data"\n${checks}`);
    const run = (script: string) => {
      writeFileSync(join(folder, "build.mjs"), script);
      const executable = JSON.stringify([process.execPath, binPath]);
      return `publish("holdings", [${JSON.stringify(process.execPath)}, "build.mjs"], executable=${executable})`;
    };
    const build = (rows: number) =>
      run(`import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
        console.error("building");
        const instance = await DuckDBInstance.create(process.env.DUCKDB_PATH);
        const connection = await instance.connect();
        await connection.run("CREATE TABLE t AS SELECT * FROM range(${rows})");
        connection.closeSync(); instance.closeSync();`);
    const child = startPython(
      `print(json.dumps({k: v for k, v in ${build(3)}.items() if k in ("release", "version", "outcome")}))`,
      { cwd: folder },
    );
    expect((await child.ended).code).toBe(0);
    expect(JSON.parse(child.stdout())).toEqual({ release: "r000001", version: 1, outcome: "switched" });
    expect(child.stderr()).toContain("building");
    expect(await failureOf(build(1), folder)).toMatch(/^REFUSED the build of holdings was refused: .*t/);
    expect(await failureOf(run("process.exit(4);"), folder)).toMatch(/^BUILD_FAILED .*code 4.* \| Nothing was switched/);
    expect(await failureOf(build(3).replace("holdings", "nothing"), folder)).toMatch(/^STORE_UNKNOWN .* \| It has holdings/);
    expect(await python(`print(read_manifest("data").version)`, { cwd: folder })).toEqual(["1"]);
    expect(existsSync(join(folder, "data/releases/r000001"))).toBe(true);
  });

  test("the syntax of it, and of the reader, is that of Python 3.9", async () => {
    const lines = await python(`
import ast
from pathlib import Path
for path in sorted(Path(lockkeeper.__file__).parent.rglob("*.py")):
    ast.parse(path.read_text(), feature_version=(3, 9))
    print(path.name)`);
    expect(lines).toEqual(expect.arrayContaining(["lockkeeper.py", "__init__.py", "_reader.py"]));
  });
});
