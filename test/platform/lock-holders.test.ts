import { spawnSync } from "node:child_process";
import { linkSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { acquireLock, isLockHeld } from "../../src/platform/lock.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import { distUrl, startProgram, startScript, type Child } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary.ts";

const { files, locks } = nodePlatform();
const linux = process.platform === "linux";
const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

function newFile(name = "r000001.pin"): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, "");
  return path;
}

const byNumber = (left: number, right: number) => left - right;

/** Who holds locks on one file. */
async function holdersOf(path: string) {
  const listed = await locks.holders([path]);
  return listed?.get(path);
}

/** A process that holds a file open `count` times, locked or not. */
async function startHolder(path: string, { mode = "shared", count = 1, locked = true } = {}): Promise<Child> {
  const child = startScript(`
    import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
    const { files, locks } = nodePlatform();
    for (let index = 0; index < ${count}; index += 1) {
      const file = await files.open(${JSON.stringify(path)}, "update");
      if (${locked} && !locks.tryLock(file, ${JSON.stringify(mode)})) throw new Error("held");
    }
    console.log("ready");
    process.stdin.resume();
  `);
  await child.line("ready");
  return child;
}

async function kill(child: Child): Promise<void> {
  child.process.kill("SIGKILL");
  await child.ended;
}

test("where the system lists no locks there is no answer, not an empty one", async () => {
  expect(await locks.holders([])).toEqual(linux ? new Map() : undefined);
});

describe.runIf(linux)("holders of locks", () => {
  test("one entry a lock, with the process; gone with it", async () => {
    const path = newFile();
    expect(await holdersOf(path)).toEqual([]);
    const one = await startHolder(path);
    const two = await startHolder(path, { count: 2 });
    const process = (pid: number) => ({
      mode: "shared",
      process: { pid, command: expect.stringContaining("--input-type=module") },
    });
    const pids = async () => (await holdersOf(path))?.map((lock) => lock.process?.pid ?? 0).toSorted(byNumber);
    expect(await holdersOf(path)).toEqual(expect.arrayContaining([process(one.pid), process(two.pid)]));
    expect(await pids()).toEqual([one.pid, two.pid, two.pid].toSorted(byNumber));
    await kill(two);
    expect(await holdersOf(path)).toEqual([process(one.pid)]);
    await kill(one);
    expect(await holdersOf(path)).toEqual([]);
  });

  test("an exclusive lock is told as such, and our own process as any other", async () => {
    const path = newFile();
    const file = await files.open(path, "update");
    onTestFinished(() => file.close());
    locks.tryLock(file, "exclusive");
    expect(await holdersOf(path)).toMatchObject([{ mode: "exclusive", process: { pid: process.pid } }]);
    locks.unlock(file);
    expect(await holdersOf(path)).toEqual([]);
  });

  test("while others lock and unlock, a lock is neither told twice nor missed, though the kernel's list may do both", async () => {
    const path = newFile();
    const holder = await startHolder(path, { mode: "exclusive" });
    const folder = temporaryFolder();
    // More locks than a page of the list holds, so that it is read in several parts.
    const churn = startScript(`
      import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
      const { files, locks } = nodePlatform();
      const opened = [];
      for (let index = 0; index < 100; index += 1) opened.push(await files.open(${JSON.stringify(folder)} + "/" + index, "update"));
      console.log("ready");
      for (;;) {
        for (const file of opened) locks.tryLock(file, "exclusive");
        for (const file of opened) locks.unlock(file);
        await new Promise(setImmediate);
      }
    `);
    await churn.line("ready");
    const told = new Set<string>();
    for (let look = 0; look < 200; look += 1) {
      told.add(`${(await holdersOf(path))?.map((lock) => lock.process?.pid).join()} ${await isLockHeld(nodePlatform(), path)}`);
    }
    expect([...told]).toEqual([`${holder.pid} true`]);
  });

  test("a file that is only open, one of the same name elsewhere, and one that was replaced hold nothing", async () => {
    const path = newFile();
    await startHolder(path, { locked: false });
    await startHolder(newFile());
    const replaced = newFile();
    await startHolder(replaced);
    writeFileSync(`${replaced}.new`, "");
    renameSync(`${replaced}.new`, replaced);
    const listed = await locks.holders([path, replaced]);
    expect([listed?.get(path), listed?.get(replaced)]).toEqual([[], []]);
  });

  test("a path where no regular file lies is left out; two names of one file are both told", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "r000001.pin");
    writeFileSync(path, "");
    linkSync(path, join(folder, "other.pin"));
    mkdirSync(join(folder, "r000002.pin"));
    const names = ["r000001.pin", "other.pin", "r000002.pin", "none.pin", "r000001.pin/x.pin"];
    const holder = await startHolder(path);
    const listed = await locks.holders(names.map((name) => join(folder, name)));
    expect([...(listed ?? [])].map(([name, found]) => [name, found.map((lock) => lock.process?.pid)])).toEqual([
      [path, [holder.pid]],
      [join(folder, "other.pin"), [holder.pid]],
    ]);
  });

  test("a process that stands still is told, too", async () => {
    const path = newFile();
    const holder = await startHolder(path);
    holder.process.kill("SIGSTOP");
    onTestFinished(() => void holder.process.kill("SIGCONT"));
    expect(await holdersOf(path)).toMatchObject([{ process: { pid: holder.pid } }]);
  });

  test.runIf(has("python3"))(
    "the lock of a program that is not ours (FACTS 5: fcntl.lockf) is named by its process",
    async () => {
      const path = newFile(".writer.lock");
      const script = `import fcntl, sys\nfile = open(sys.argv[1], "r+")\nfcntl.lockf(file, fcntl.LOCK_EX)\nprint("ready", flush=True)\nsys.stdin.read()`;
      const python = startProgram(["python3", "-c", script, path]);
      await python.line("ready");
      expect(await holdersOf(path)).toEqual([
        { mode: "exclusive", process: { pid: python.pid, command: expect.stringMatching(/^python3(\.\d+)? -c import fcntl/) } },
      ]);
      expect(await isLockHeld(nodePlatform(), path)).toBe(true);
    },
  );

  test.runIf(has("flock"))(
    "FACTS 5: the lock of flock(1) is another kind, keeps nobody out and is not told as held",
    async () => {
      const path = newFile(".writer.lock");
      const flock = startProgram(["flock", path, "sh", "-c", "echo ready; cat"]);
      await flock.line("ready");
      expect([await holdersOf(path), await isLockHeld(nodePlatform(), path)]).toEqual([[], false]);
      const request = { path, code: "WRITER_LOCKED", what: "it", purpose: "prove", waitMs: 0 } as const;
      await (await acquireLock(nodePlatform(), request)).release();
    },
  );

  test.runIf(process.getuid?.() === 0)("another user's lock counts, its process is not named", async () => {
    const path = newFile();
    await startHolder(path, { count: 2 });
    const looker = startScript(`
      import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
      const { locks } = nodePlatform();
      process.setgid(65534);
      process.setuid(65534);
      const path = ${JSON.stringify(path)};
      const told = await locks.holders([path]).then((listed) => listed.get(path), (error) => error.code);
      console.log("told " + JSON.stringify(told));
    `);
    // The test's folder is for its owner alone; the looker is denied it by name instead of being told that nobody holds the lock.
    expect(await looker.line("told ")).toBe('told "EACCES"');
    expect(spawnSync("chmod", ["755", join(path, "..")]).status).toBe(0);
    const again = startScript(`
      import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
      const { locks } = nodePlatform();
      process.setgid(65534);
      process.setuid(65534);
      console.log("told " + JSON.stringify((await locks.holders([${JSON.stringify(path)}])).get(${JSON.stringify(path)})));
    `);
    expect(await again.line("told ")).toBe('told [{"mode":"shared"},{"mode":"shared"}]');
  });
});
