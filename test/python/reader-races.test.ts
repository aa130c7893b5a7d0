import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { pruneReleases } from "../../src/release/prune.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { rowsBuild, storeIn, writeDatabase, writeFromOutside } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { readerProgram, startReaderProgram, told, whyNoDuckdb } from "./support.ts";

const count = "SELECT count(*) FROM t";

/** Has the first call of a function of the reader stop before it, until the test sends a line. */
const stalled = (module: string, name: string) => `
from lockkeeper_reader import ${module}
original, stalled = ${module}.${name}, []
def stalling(*words):
    if not stalled:
        stalled.append(True)
        pause("stalled")
    return original(*words)
${module}.${name} = stalling
`;

describe.skipIf(whyNoDuckdb !== "")("clients/python/lockkeeper_reader between two steps:", () => {
  test("FACTS 5: a reader that stalls between manifest and file over two switches serves the last one, under its own name", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    // Of one size, so that the record's size does not give it away.
    const build = (tag: number) => rowsBuild(1, `CREATE TABLE meta AS SELECT ${tag} AS tag`);
    await publish(store, build(1));
    const child = startReaderProgram(
      `${stalled("_opening", "lease")}
# Eventual: a look at the manifest alone must not be what puts it right.
with open_reader(".", freshness="eventual").borrow() as release:
    tell([release.version, release.release, release.query("SELECT tag FROM meta")[0][0]])`,
      { cwd: folder },
    );
    await child.line("stalled");
    await publish(store, build(2));
    await publish(store, build(3));
    child.send("go");
    expect(await told(child)).toEqual([3, "r000003", 3]);
  });

  test("a request that stalls between what serves and its hold is served by what serves then", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    const child = startReaderProgram(
      `
from lockkeeper_reader import _release
reader = open_reader(".", poll_interval=0.02)
hold, stalled = _release.Generation.hold, []
def stalling(generation):
    if not stalled:
        stalled.append(True)
        pause("stalled")
        until(lambda: generation.closed.is_set())
    return hold(generation)
_release.Generation.hold = stalling
with reader.borrow() as release:
    tell([release.version, release.query("${count}")[0][0]])`,
      { cwd: folder },
    );
    await child.line("stalled");
    await publish(store, rowsBuild(2));
    child.send("go");
    expect(await told(child)).toEqual([2, 2]);
  });

  test("many threads that see a switch wait for one opening", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    const child = startReaderProgram(
      `
from lockkeeper_reader import _opening
opened, original = [], _opening.lease
def counting(*words):
    opened.append(threading.current_thread().name)
    return original(*words)
_opening.lease = counting
reader = open_reader(".", poll_interval=3600)
pause("open")
answers = []
threads = [threading.Thread(target=lambda: answers.append(reader.query("${count}")[0][0])) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
tell([answers, opened])`,
      { cwd: folder },
    );
    await child.line("open");
    await publish(store, rowsBuild(2));
    child.send("go");
    expect(await told(child)).toEqual([Array.from({ length: 16 }, () => 2), ["MainThread", "lockkeeper-reader"]]);
  });

  test("FACTS 5: a manifest written in place twice within a tick of the file system's clock is not missed", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "db_manifest.json"), "");
    expect(
      await readerProgram(
        `
from pathlib import Path
from lockkeeper_reader import _manifest
# Newer kernels tell times apart as soon as somebody looks; older ones, and macOS, tick.
exact = _manifest.stat_key
_manifest.stat_key = lambda status: tuple(each // 4_000_000 if each == status.st_ctime_ns else each for each in exact(status))
resolver, wrong = _manifest.Resolver(Path("."), None), 0
descriptor = os.open("db_manifest.json", os.O_WRONLY)
for step in range(3000):
    for active in ("a", "b"):
        os.pwrite(descriptor, ('{"active":"%s","version":1}' % active).encode(), 0)
        wrong += resolver.look().manifest.active != active
tell(wrong)
time.sleep(0.1)
resolver.look()
tell(resolver.look() is resolver.look())`,
        { cwd: folder },
      ),
    ).toEqual([0, true]);
  });

  test("prune leaves a release that Python reads, and takes it when that lets go; another process is told who it is", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder, { layout: "releases", retention: { keep: 1 } });
    for (const rows of [1, 2]) await publish(store, rowsBuild(rows));
    const child = startReaderProgram(
      `
reader = open_reader(".")
with reader.borrow() as release:
    pause("borrowed")
    tell([release.release, release.query("${count}")[0][0], reader.query("${count}")[0][0]])
until(lambda: len(reader.status()["generations"]) == 1)
pause("returned")`,
      { cwd: folder },
    );
    await child.line("borrowed");
    for (const rows of [3, 4, 5]) await publish(store, rowsBuild(rows));
    const kept = await pruneReleases(store);
    expect(JSON.stringify(kept)).toContain("r000002");
    child.send("go");
    expect(await told(child)).toEqual(["r000002", 2, 5]);
    await child.line("returned");
    const removed = (await pruneReleases(store)).removed.map(({ release }) => release);
    expect(removed).toContain("r000002");
    child.send("go");
    expect((await child.ended).code).toBe(0);
  });

  test("a pin file that is deleted between opening and locking it is no pin", async () => {
    const folder = temporaryFolder();
    await publish(storeIn(folder), rowsBuild(1));
    expect(
      await readerProgram(
        `
from lockkeeper_reader import _pins
lock, seen = _pins._kernel_lock, []
def late(descriptor, how):
    if not seen:
        os.rename(".lockkeeper/pins/r000001.pin", "away")
    elif len(seen) == 1:
        os.rename("away", ".lockkeeper/pins/r000001.pin")
    seen.append(how)
    return lock(descriptor, how)
_pins._kernel_lock = late
from pathlib import Path
tell(_pins.take_pin(Path(".lockkeeper/pins/r000001.pin")))
os.rename("away", ".lockkeeper/pins/r000001.pin")
seen.append(0)
reader = open_reader(".")
tell(reader.status()["pinned"])`,
        { cwd: folder },
      ),
    ).toEqual([null, true]);
  });

  test("FACTS 1.3: readers of one file share its lock; one's close, or a rollback to a file that drains, does not drop it", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    for (const rows of [1, 2]) await publish(store, rowsBuild(rows));
    const child = startReaderProgram(
      `
one, two, other = open_reader("."), open_reader("."), open_reader(".", settings={"threads": "1"})
one.close(); other.close()
pause("closed")
tell(two.query("${count}")[0][0])
with two.borrow() as old:
    pause("borrowed")
    with two.borrow() as between:
        tell([old.version, between.version])
        pause("switched")
        tell(two.query("${count}")[0][0])
    until(lambda: len(two.status()["generations"]) == 2)
until(lambda: len(two.status()["generations"]) == 1)
pause("drained")
tell(two.query("${count}")[0][0])`,
      { cwd: folder },
    );
    const slot = join(folder, "DB_b.duckdb");
    await child.line("closed");
    expect(await writeFromOutside(slot, "DROP TABLE t")).toContain("Could not set lock");
    child.send("go");
    expect(await told(child)).toBe(2);
    await child.line("borrowed");
    await rollback(store);
    child.send("go");
    expect(await told(child)).toEqual([2, 3]);
    await child.line("switched");
    await rollback(store, { to: "r000002" });
    child.send("go");
    expect(await told(child)).toBe(2);
    await child.line("drained");
    expect(await writeFromOutside(slot, "DROP TABLE t")).toContain("Could not set lock");
    child.send("go");
    expect(await told(child)).toBe(2);
  });

  test("a long query ends on the release it began on; after drain_timeout it is interrupted, and the release closes", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(4000));
    const long = "SELECT count(*) FROM t a, t b WHERE (a.n * b.n) % 3 <> 5";
    const child = startReaderProgram(
      `
def patiently(reader, told):
    with reader.borrow() as release:
        began.release()
        while not switched.is_set():
            told.add(release.query("${long}")[0][0])
        told.add(release.query("${long}")[0][0])
def hastily(reader, told):
    give_up = time.monotonic() + 30
    with reader.borrow() as release:
        connection = release.connection
        began.release()
        try:
            while time.monotonic() < give_up:
                connection.execute("${long}").fetchall()
            told.add("never interrupted")
        except duckdb.InterruptException:
            told.add(code_of(lambda: release.query("${count}")))
            told.add(code_of(lambda: release.connection))
began, switched, whole, cut = threading.Semaphore(0), threading.Event(), set(), set()
patient, hasty = open_reader(".", drain_timeout=300), open_reader(".", drain_timeout=0.05, settings={"threads": "1"})
threads = [threading.Thread(target=patiently, args=(patient, whole)), threading.Thread(target=hastily, args=(hasty, cut))]
for thread in threads: thread.start()
for thread in threads: began.acquire()
pause("asking")
tell([reader.query("${count}")[0][0] for reader in (patient, hasty)])
threads[1].join()
tell([each["state"] for each in patient.status()["generations"]])
switched.set()
threads[0].join()
tell([sorted(whole), sorted(cut)])
tell([len(reader.status()["generations"]) for reader in (patient, hasty)])`,
      { cwd: folder },
    );
    await child.line("asking");
    await publish(store, rowsBuild(1));
    child.send("go");
    expect(await told(child)).toEqual([1, 1]);
    expect(await told(child)).toEqual(["draining", "active"]);
    expect(await told(child)).toEqual([[16_000_000], ["INTERRUPTED"]]);
    expect(await told(child)).toEqual([1, 1]);
  });

  test("an engine that has declared its instance unusable is replaced", async () => {
    const folder = temporaryFolder();
    await publish(storeIn(folder), rowsBuild(3));
    expect(
      await readerProgram(
        `
reader = open_reader(".")
with reader.borrow() as release:
    reader._follower.serving.generation.give_up()
    tell(reader.query("${count}")[0][0])
tell([[each["id"], each["state"]] for each in reader.status()["generations"]])`,
        { cwd: folder },
      ),
    ).toEqual([3, [[2, "active"]]]);
  });

  test("a forked child is refused, and keeps no pin when its parent has gone; a program that does not close ends all the same", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder, { layout: "releases", retention: { keep: 1 } });
    await publish(store, rowsBuild(1));
    const child = startReaderProgram(
      `
reader = open_reader(".")
with reader.borrow() as release:
    ours, theirs = os.pipe()
    if os.fork() == 0:
        codes = [code_of(lambda: reader.query("${count}")), code_of(lambda: open_reader(".")), code_of(reader.status), code_of(reader.close)]
        os.write(theirs, json.dumps(codes).encode())
        give_up = time.monotonic() + 20
        while not os.path.exists("end") and time.monotonic() < give_up:
            time.sleep(0.01)
        os._exit(0)
    tell(json.loads(os.read(ours, 1000)))
    tell(release.query("${count}")[0][0])
    os.kill(os.getpid(), 9)`,
      { cwd: folder },
    );
    expect(await told(child)).toEqual(["USAGE", "USAGE", "USAGE", null]);
    expect(await told(child)).toBe(1);
    for (const rows of [2, 3]) await publish(store, rowsBuild(rows));
    const left = (await pruneReleases(store)).removed;
    expect([left, existsSync(join(folder, "releases/r000001"))]).toEqual([[], false]);
    writeFileSync(join(folder, "end"), "");
    expect(await readerProgram(`reader = open_reader(".")\ntell(reader.query("${count}")[0][0])`, { cwd: folder })).toEqual([3]);
  });

  test("the fallback: requests wait for a program that rebuilds the file in place, and are told when it takes too long", async () => {
    const folder = temporaryFolder();
    const single = join(folder, "single.duckdb");
    await writeDatabase(single, "CREATE TABLE t AS SELECT range AS n FROM range(7)");
    const writer = startReaderProgram(
      `connection = duckdb.connect("single.duckdb")\nconnection.execute("INSERT INTO t VALUES (7)")\npause("writing")\nconnection.close()\nprint("written")`,
      { cwd: folder },
    );
    await writer.line("writing");
    const child = startReaderProgram(
      `
tell(code_of(lambda: open_reader(".", fallback="single.duckdb", wait_timeout=0.05).query("${count}")))
reader = open_reader(".", fallback="single.duckdb", wait_timeout=60)
print("waiting")
tell(reader.query("${count}")[0][0])
os.rename("next.duckdb", "single.duckdb")
tell(reader.query("${count}")[0][0])`,
      { cwd: folder },
    );
    await child.line("waiting");
    await writeDatabase(join(folder, "next.duckdb"), "CREATE TABLE t AS SELECT 1");
    writer.send("go");
    expect([await told(child), await told(child), await told(child)]).toEqual(["UNAVAILABLE", 8, 1]);
    renameSync(single, join(folder, "gone"));
  });
});
