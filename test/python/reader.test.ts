import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { rowsBuild, storeIn, writeDatabase, writeFromOutside } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { readerProgram, startReaderProgram, told, whyNoDuckdb } from "./support.ts";

const count = "SELECT count(*) FROM t";

/** A manifest of another program, put in place as most do it. */
function foreign(folder: string, fields: Record<string, unknown>): void {
  writeFileSync(join(folder, "new"), JSON.stringify(fields));
  renameSync(join(folder, "new"), join(folder, "db_manifest.json"));
}

/** A slot as another program rebuilds it: a new file under the old name. */
async function foreignSlot(folder: string, slot: string, rows: number): Promise<void> {
  await writeDatabase(join(folder, "new.duckdb"), `CREATE TABLE t AS SELECT range + 1 AS n FROM range(${rows})`);
  renameSync(join(folder, "new.duckdb"), join(folder, `DB_${slot}.duckdb`));
}

describe.skipIf(whyNoDuckdb !== "")("clients/python/lockkeeper_reader:", () => {
  test.each(["slots", "releases"] as const)(
    "%s: it follows publishes and rollbacks, pinned, and lets every file and pin go",
    async (layout) => {
      const folder = temporaryFolder();
      const store = storeIn(folder, { layout });
      await publish(store, rowsBuild(1));
      const child = startReaderProgram(
        `
def opened():
    paths = [os.path.realpath(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd")]
    return sorted({os.path.basename(each) for each in paths if each.endswith((".duckdb", ".pin")) and each.startswith(os.getcwd())})
with open_reader(".") as reader:
    for step in range(4):
        with reader.borrow() as release:
            tell([release.query("${count}")[0][0], release.connection.execute("${count}").fetchone()[0], release.release, release.version, release.active])
        pause("asked")
    until(lambda: len(reader.status()["generations"]) == 1)
    tell([reader.status()["pinned"], opened()])
tell(opened())`,
        { cwd: folder },
      );
      const slotOr = (slot: string, release: string) => (layout === "slots" ? slot : release);
      const next = async () => {
        const answer = await told(child);
        await child.line("asked");
        return answer;
      };
      expect(await next()).toEqual([1, 1, "r000001", 1, slotOr("a", "r000001")]);
      for (const rows of [2, 3]) {
        await publish(store, rowsBuild(rows));
        child.send("go");
        expect(await next()).toEqual([rows, rows, `r00000${rows}`, rows, slotOr(rows === 2 ? "b" : "a", `r00000${rows}`)]);
      }
      await rollback(store);
      child.send("go");
      expect(await next()).toEqual([2, 2, "r000002", 4, slotOr("b", "r000002")]);
      child.send("go");
      if (process.platform === "linux") {
        expect(await told(child)).toEqual([true, [layout === "slots" ? "DB_b.duckdb" : "DB.duckdb", "r000002.pin"]]);
        expect(await told(child)).toEqual([]);
      }
      expect((await child.ended).code).toBe(0);
    },
  );

  test("a borrow keeps its release over a switch; the file closes with the last of its borrowers", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    const child = startReaderProgram(
      `
reader = open_reader(".")
with reader.borrow() as old:
    with reader.borrow() as too:
        pause("held")
        switched = reader.query("${count}")[0][0]
        # Whatever wants to close it now has the time to.
        time.sleep(0.2)
        tell([old.query("${count}")[0][0], switched, too.query("${count}")[0][0]])
    draining, active = reader.status()["generations"]
    tell([draining["state"], draining["inFlightRequests"], "drainingSince" in draining, active["state"], active["release"]])
    tell(old.query("${count}")[0][0])
tell([each["release"] for each in reader.status()["generations"]])
tell(code_of(lambda: old.query("${count}")))
reader.close()
tell(code_of(lambda: reader.query("${count}")))`,
      { cwd: folder },
    );
    await child.line("held");
    await publish(store, rowsBuild(2));
    child.send("go");
    expect((await child.ended).code).toBe(0);
    expect([await told(child), await told(child), await told(child)]).toEqual([
      [1, 2, 1],
      ["draining", 1, true, "active", "r000002"],
      1,
    ]);
    expect([await told(child), await told(child), await told(child)]).toEqual([["r000002"], "READER_CLOSED", "READER_CLOSED"]);
  });

  test("FACTS 5: other programs that repeat versions are followed: identity counts, not the version", async () => {
    const folder = temporaryFolder();
    await foreignSlot(folder, "a", 1);
    foreign(folder, { active: "a", version: 1 });
    const child = startReaderProgram(
      `
reader = open_reader(".", "DB")
for night in range(6):
    with reader.borrow() as release:
        tell([release.query("${count}")[0][0], release.release, reader.status()["pinned"]])
    pause("asked")`,
      { cwd: folder },
    );
    for (let night = 1; night <= 6; night += 1) {
      expect(await told(child)).toEqual([night, `v1-${night % 2 === 1 ? "a" : "b"}`, false]);
      await child.line("asked");
      const slot = night % 2 === 1 ? "b" : "a";
      await foreignSlot(folder, slot, night + 1);
      foreign(folder, { active: slot, version: 1 });
      child.send("go");
    }
    expect((await child.ended).code).toBe(0);
    expect(child.stderr()).toContain("versions should rise");
  });

  test("a release that cannot be opened or warmed leaves the last good one serving, is told, and is closed; when it can, it serves", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    const child = startReaderProgram(
      `
reader = open_reader(".", warmup=["SELECT count(*) FROM t WHERE n > 0"], poll_interval=0.05)
def look():
    status = reader.status()
    return [status["ok"], status["servingVersion"], status["publishedVersion"], (status["lastManifestError"] or {}).get("code"), len(status["generations"])]
for code, failures in (("QUERY_FAILED", 3), ("MANIFEST_INVALID", 0), (None, 0)):
    pause("next")
    tell(reader.query("FROM range(3)").columns)
    until(lambda: look()[3] == code and look()[4] == 1 and reader.status()["failures"] >= failures)
    tell(look())`,
      { cwd: folder },
    );
    const steps: readonly (() => unknown)[] = [
      () => publish(store, { kind: "function", build: ({ path }) => writeDatabase(path, "CREATE TABLE u AS SELECT 1 AS n") }),
      () => foreign(folder, { active: "c", version: 3 }),
      () => foreign(folder, { active: "a", version: 4, basename: "DB" }),
    ];
    const seen: unknown[] = [];
    for (const step of steps) {
      await child.line("next");
      await step();
      child.send("go");
      expect(await told(child)).toEqual(["range"]);
      seen.push(await told(child));
    }
    expect(seen).toEqual([
      [false, 1, 2, "QUERY_FAILED", 1],
      [false, 1, null, "MANIFEST_INVALID", 1],
      [true, 4, 4, null, 1],
    ]);
  });

  test("eventual: a request is served by the old release while the next one opens; strict: it waits, and only so long", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    // Nobody but these requests looks at the manifest: a poll, or the look when a spare is made, might have opened the release before they ask.
    const child = startReaderProgram(
      `
def slow(freshness, wait):
    return open_reader(".", freshness=freshness, wait_timeout=wait, poll_interval=600, warmup=["SELECT count(*) FROM range(20000000) a WHERE hash(a.range) % 7 = 3"])
readers = [slow("eventual", 60), slow("strict", 60), slow("strict", 0)]
while not all(reader._opener.has_spare for reader in readers):
    time.sleep(0.01)
pause("open")
tell([reader.query("${count}")[0][0] for reader in readers])
with readers[0].borrow(min_version=2) as release:
    tell(release.version)
tell(code_of(lambda: readers[2].borrow(min_version=9).__enter__()))`,
      { cwd: folder },
    );
    await child.line("open");
    await publish(store, rowsBuild(2));
    child.send("go");
    expect([await told(child), await told(child), await told(child)]).toEqual([[1, 2, 1], 2, "UNAVAILABLE"]);
  });

  test("an idle reader follows by itself", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    const child = startReaderProgram(
      `
reader = open_reader(".", poll_interval=0.05)
pause("open")
serving = lambda: reader._follower.serving.version
until(lambda: serving() == 2)
tell(serving())`,
      { cwd: folder },
    );
    await child.line("open");
    await publish(store, rowsBuild(2));
    child.send("go");
    expect(await told(child)).toBe(2);
  });

  test("without a manifest the fallback serves, open only while it is used; a manifest takes over; its deletion goes back", async () => {
    const folder = temporaryFolder();
    const single = join(folder, "single.duckdb");
    await writeDatabase(single, "CREATE TABLE t AS SELECT range AS n FROM range(7)");
    const data = join(folder, "data");
    mkdirSync(data);
    const child = startReaderProgram(
      `
reader = open_reader("data", fallback="single.duckdb", fallback_idle=0.2, poll_interval=0.05)
def ask():
    with reader.borrow() as release:
        status = reader.status()
        tell([release.query("${count}")[0][0], release.release, release.version, status["mode"], status["ok"]])
ask()
until(lambda: reader.status()["generations"] == [])
pause("idle")
ask()
pause("written")
ask()
pause("published")
until(lambda: reader.status()["mode"] == "fallback")
ask()`,
      { cwd: folder, env: { DUCKDB_PATH: undefined } },
    );
    expect(await told(child)).toEqual([7, "fallback", 0, "fallback", true]);
    await child.line("idle");
    expect(await writeFromOutside(single, "INSERT INTO t VALUES (8)")).toBe("written");
    child.send("go");
    expect(await told(child)).toEqual([8, "fallback", 0, "fallback", true]);
    await child.line("written");
    await publish(storeIn(data), rowsBuild(3));
    child.send("go");
    expect(await told(child)).toEqual([3, "r000001", 1, "manifest", true]);
    await child.line("published");
    unlinkSync(join(data, "db_manifest.json"));
    child.send("go");
    expect(await told(child)).toEqual([8, "fallback", 0, "fallback", true]);
  });

  test("what cannot be opened is told: nothing there, bad options, a record that differs, a file that was written to", async () => {
    const folder = temporaryFolder();
    const env = { DUCKDB_PATH: undefined };
    const codes = (...calls: readonly string[]) =>
      readerProgram(`tell([code_of(lambda: ${calls.join(`), code_of(lambda: `)})])`, { cwd: folder, env });
    const options = ["freshness='x'", "warmup='SELECT 1'", "drain_timeout=-1", "rows_max=0", "basename='../x'"];
    expect(await codes(`open_reader(".")`, ...options.map((option) => `open_reader(".", ${option})`))).toEqual([
      ["NO_RELEASE", "USAGE", "USAGE", "USAGE", "USAGE", "CONFIG_INVALID"],
    ]);
    await publish(storeIn(folder), rowsBuild(1));
    expect(await codes(`open_reader(".", settings={"no_such_setting": "1"})`)).toEqual([["CONFIG_INVALID"]]);
    const record = join(folder, ".lockkeeper/records/r000001.json");
    renameSync(record, `${record}.kept`);
    writeFileSync(record, "{}");
    expect(await codes(`open_reader(".")`)).toEqual([["RECORD_INVALID"]]);
    renameSync(`${record}.kept`, record);
    writeFileSync(join(folder, "DB_a.duckdb.wal"), "x");
    expect(await codes(`open_reader(".")`)).toEqual([["CHECKSUM_MISMATCH"]]);
    rmSync(join(folder, "DB_a.duckdb.wal"));
    writeFileSync(join(folder, "DB_a.duckdb"), "x", { flag: "a" });
    expect(await codes(`open_reader(".")`)).toEqual([["CHECKSUM_MISMATCH"]]);
    foreign(folder, { active: "b", version: 2 });
    symlinkSync("/etc/hosts", join(folder, "DB_b.duckdb"));
    expect(await codes(`open_reader(".")`)).toEqual([["MANIFEST_INVALID"]]);
    expect(existsSync("/etc/hosts")).toBe(true);
  });

  test("integers are exact, or refused; one statement that reads, or refused; a variable of the program is no table", async () => {
    const folder = temporaryFolder();
    await publish(storeIn(folder), rowsBuild(3));
    const big = 2n ** 127n - 1n;
    const [values, codes, dicts] = await readerProgram(
      `
reader = open_reader(".", rows_max=1000)
t2 = [{"a": 1}]
tell([str(each) for each in reader.query("SELECT ${big}, 9007199254740993, sum(9223372036854775807::BIGINT), $1, 0.1::DECIMAL(38,3) FROM t", [2**64 + 1])[0]])
tell([code_of(lambda: reader.query(*each)) for each in [
    ["SELECT ?", [2**128]], ["SELECT ?", "x"], ["SELECT ?", 5], ["SELECT ?"], ["SELECT $a", {"b": 1}], ["SELECT ?", [object()]],
    ["SELECT 1; SELECT 2"], [""], ["CREATE TEMP TABLE x AS SELECT 1"], ["SET threads = 1"], ["SELECT * FROM t2"], ["SELEC"],
    ["FROM range(1001)"], ["SELECT CASE WHEN range > 500 THEN error('late') END FROM range(900)"]]])
tell(reader.query("SELECT n, 2 AS n FROM t WHERE n = $n", {"n": 3}).dicts())`,
      { cwd: folder },
    );
    expect(values).toEqual([String(big), "9007199254740993", String(3n * (2n ** 63n - 1n)), String(2n ** 64n + 1n), "0.100"]);
    expect(codes).toEqual([
      ...Array.from({ length: 6 }, () => "BIND_FAILED"),
      ...Array.from({ length: 4 }, () => "QUERY_REFUSED"),
      "QUERY_FAILED",
      "QUERY_FAILED",
      "LIMIT_ROWS",
      "QUERY_FAILED",
    ]);
    expect(dicts).toEqual([{ n: 3, "n:1": 2 }]);
  });

  test("what one borrower leaves on a connection, the next does not find", async () => {
    const folder = temporaryFolder();
    await publish(storeIn(folder), rowsBuild(3));
    expect(
      await readerProgram(
        `
reader = open_reader(".")
for _ in range(20):
    with reader.borrow() as release:
        release.connection.execute("CREATE TEMP TABLE mine AS SELECT 1")
        release.connection.execute("BEGIN")
    tell(code_of(lambda: reader.query("FROM mine")))`,
        { cwd: folder },
      ),
    ).toEqual(Array.from({ length: 20 }, () => "QUERY_FAILED"));
  });
});

test.runIf(whyNoDuckdb !== "")("the reader for Python is not tried", () => {
  process.stdout.write(`skipped: ${whyNoDuckdb}\n`);
});
