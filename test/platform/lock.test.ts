import { once } from "node:events";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { acquireLock, isLockHeld, readLockNote, type LockRequest } from "../../src/platform/lock.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import { distUrl, startScript } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary.ts";

const platform = nodePlatform();

function request(path: string, more: Partial<LockRequest> = {}): LockRequest {
  return { path, code: "WRITER_LOCKED", what: "the writer lock of demo", purpose: "publish demo", waitMs: 0, ...more };
}

/** A second process that takes the lock, says so, and holds it until a line comes in. */
function holder(path: string) {
  return startScript(`
    import { acquireLock } from ${JSON.stringify(distUrl("platform/lock.js"))};
    import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
    const lock = await acquireLock(nodePlatform(), { path: ${JSON.stringify(path)}, code: "WRITER_LOCKED", what: "it", purpose: "hold", waitMs: 0 });
    console.log("held");
    process.stdin.once("data", async () => { await lock.release(); console.log("released"); process.exit(0); });
  `);
}

test("a held lock refuses a second process and names its holder", async () => {
  const path = join(temporaryFolder(), ".writer.lock");
  const other = holder(path);
  await other.line("held");
  await expect(acquireLock(platform, request(path))).rejects.toMatchObject({
    code: "WRITER_LOCKED",
    exit: 11,
    holder: { pid: other.pid },
  });
  expect(await isLockHeld(platform, path)).toBe(true);
  other.send("go");
  await other.line("released");
  const lock = await acquireLock(platform, request(path));
  expect(lock.lastHolderDied).toBeUndefined();
  await lock.release();
});

test("a holder under another host's name is told with it: its number means nothing here", async () => {
  const path = join(temporaryFolder(), ".writer.lock");
  const other = holder(path);
  await other.line("held");
  const message = async () => ((await acquireLock(platform, request(path)).catch((error: unknown) => error)) as Error).message;
  expect(await message()).toMatch(new RegExp(`^the writer lock of demo is held by process ${other.pid} \\(node\\) `));
  const [, note = ""] = readFileSync(path, "utf8").split("\n");
  const elsewhere = { ...(JSON.parse(note) as object), pid: 1, host: "pipeline", command: "node etl.mjs", since: "now" };
  writeFileSync(path, `1\n${JSON.stringify(elsewhere)}\n`);
  expect(await message()).toBe("the writer lock of demo is held by process 1 on pipeline (node etl.mjs) since now");
});

test("a lock goes with a killed process, and the next holder is told that the last one died", async () => {
  const path = join(temporaryFolder(), ".writer.lock");
  const other = holder(path);
  await other.line("held");
  other.process.kill("SIGKILL");
  await other.ended;
  expect(await isLockHeld(platform, path)).toBe(false);
  const lock = await acquireLock(platform, request(path));
  expect(lock.lastHolderDied).toMatchObject({ pid: other.pid });
  await lock.release();
});

test("FACTS 5: a stopped holder keeps its lock", async () => {
  const path = join(temporaryFolder(), ".writer.lock");
  const other = holder(path);
  await other.line("held");
  other.process.kill("SIGSTOP");
  await expect(acquireLock(platform, request(path))).rejects.toMatchObject({ code: "WRITER_LOCKED" });
  other.process.kill("SIGCONT");
});

test("FACTS 5: opening and closing the lock file in the holding process does not free it", async () => {
  const path = join(temporaryFolder(), ".writer.lock");
  const lock = await acquireLock(platform, request(path));
  closeSync(openSync(path, "r"));
  readFileSync(path);
  const other = holder(path);
  await expect(other.line("held")).rejects.toThrow(/is held by process/);
  await lock.release();
});

test("FACTS 5: a second descriptor of the same process is refused too", async () => {
  const path = join(temporaryFolder(), ".writer.lock");
  const lock = await acquireLock(platform, request(path));
  await expect(acquireLock(platform, request(path))).rejects.toMatchObject({
    code: "WRITER_LOCKED",
    holder: { pid: process.pid },
  });
  await lock.release();
  await (await acquireLock(platform, request(path))).release();
});

test("FACTS 5: a lock whose file was removed or replaced is noticed before a commit step", async () => {
  const folder = temporaryFolder();
  const path = join(folder, ".writer.lock");
  const lock = await acquireLock(platform, request(path));
  await lock.verify();
  rmSync(path);
  await expect(lock.verify()).rejects.toMatchObject({ code: "LOCK_REPLACED", exit: 12 });
  writeFileSync(join(folder, "other"), "");
  renameSync(join(folder, "other"), path);
  await expect(lock.verify()).rejects.toMatchObject({ code: "LOCK_REPLACED" });
  await lock.release();
});

test("FACTS 5: a PID in a file is not a lock: a note alone, of a live process, keeps nobody out", async () => {
  const path = join(temporaryFolder(), ".writer.lock");
  writeFileSync(path, `${process.pid}\n${JSON.stringify({ pid: process.pid, command: "x" })}\n`);
  const lock = await acquireLock(platform, request(path));
  expect(lock.lastHolderDied).toMatchObject({ pid: process.pid });
  await lock.release();
});

test("waiting takes the lock when it comes free", async () => {
  const path = join(temporaryFolder(), ".writer.lock");
  const other = holder(path);
  await other.line("held");
  const waited: (number | undefined)[] = [];
  const pending = acquireLock(
    platform,
    request(path, {
      waitMs: 60_000,
      onWait: (who) => {
        waited.push(who?.pid);
        other.send("go");
      },
    }),
  );
  const lock = await pending;
  expect(waited).toEqual([other.pid]);
  await lock.release();
});

test("waiting ends with an abort", async () => {
  const path = join(temporaryFolder(), ".writer.lock");
  const lock = await acquireLock(platform, request(path));
  const stop = new AbortController();
  const pending = acquireLock(platform, request(path, { waitMs: 60_000, signal: stop.signal, onWait: () => stop.abort() }));
  await expect(pending).rejects.toMatchObject({ code: "INTERRUPTED", exit: 130 });
  await lock.release();
});

test("a command that inherited the lock keeps it after its parent was killed, and unlocking frees it for every copy", async () => {
  const folder = temporaryFolder();
  const path = join(folder, ".writer.lock");
  const go = join(folder, "go");
  const parent = startScript(`
    import { acquireLock } from ${JSON.stringify(distUrl("platform/lock.js"))};
    import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
    const platform = nodePlatform();
    const lock = await acquireLock(platform, { path: ${JSON.stringify(path)}, code: "BUILD_LOCKED", what: "it", purpose: "hold", waitMs: 0 });
    const run = platform.processes.run({ argv: ["sh", "-c", "echo child $$; while [ ! -e ${go} ]; do sleep 0.05; done"], folder: "/", environment: {}, inherit: [lock.file], graceMs: 1000,
      onOutput: (chunk) => process.stdout.write(chunk) });
    await run;
  `);
  const child = Number((await parent.line("child")).slice("child ".length));
  const died = once(parent.process, "exit");
  parent.process.kill("SIGKILL");
  await died;
  const named = expect.stringContaining(`process ${parent.pid} `) as unknown;
  // Who cannot see who holds it is told of the one that the lock file names.
  const pid = process.platform === "linux" ? child : parent.pid;
  await expect(acquireLock(platform, request(path))).rejects.toMatchObject({ message: named, holder: { pid } });
  writeFileSync(go, "");
  const lock = await acquireLock(platform, request(path, { waitMs: 60_000 }));
  await platform.processes.run({
    argv: ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $! > daemon"],
    folder,
    environment: {},
    inherit: [lock.file],
    graceMs: 1000,
    onOutput() {},
  });
  const daemon = Number(readFileSync(join(folder, "daemon"), "utf8"));
  await lock.release();
  expect(await isLockHeld(platform, path)).toBe(false);
  process.kill(daemon, "SIGKILL");
});

test("the note is for people: first line the PID, then JSON, closed at the end", async () => {
  const path = join(temporaryFolder(), ".writer.lock");
  const lock = await acquireLock(platform, request(path));
  expect(readFileSync(path, "utf8").split("\n")[0]).toBe(String(process.pid));
  expect(readLockNote(platform, path)).toMatchObject({ holder: { pid: process.pid }, purpose: "publish demo", closed: false });
  await lock.release();
  expect(readLockNote(platform, path)?.closed).toBe(true);
  expect(existsSync(path)).toBe(true);
});

test("a lock that is held under a closed note names nobody: other programs take it without a note", async () => {
  const path = join(temporaryFolder(), ".writer.lock");
  const lock = await acquireLock(platform, request(path));
  const note = readFileSync(path, "utf8").trimEnd();
  writeFileSync(path, `${note.slice(0, -1)}, "closed": "2026-11-21T03:00:00.000Z"}\n`);
  const error = await acquireLock(platform, request(path)).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "WRITER_LOCKED",
    holder: undefined,
    message: `the writer lock of demo is held by a program that left no note; process ${process.pid}, which the lock file names, has given it up`,
  });
  await lock.release();
});

test.each([
  ["a folder", (path: string) => mkdirSync(path)],
  ["a symbolic link", (path: string) => symlinkSync("elsewhere", path)],
  ["a FIFO, socket or device", (path: string) => expect(spawnSync("mkfifo", [path]).status).toBe(0)],
])("%s in the place of a lock file is refused by its name, with what to do", async (what, make) => {
  const path = join(temporaryFolder(), ".writer.lock");
  make(path);
  await expect(acquireLock(platform, request(path))).rejects.toMatchObject({
    code: "IO_FAILED",
    message: `the lock file ${path} is ${what}, not a regular file`,
    hint: expect.stringContaining("Move it away") as string,
  });
});

test("a lock that the kernel refuses for another reason than a holder is an error of ours that names the file; giving it up never throws", async () => {
  const path = join(temporaryFolder(), "lock");
  const file = await platform.files.open(path, "update");
  await file.close();
  expect(() => platform.locks.tryLock(file, "exclusive")).toThrow(`cannot lock ${path}`);
  expect(() => platform.locks.unlock(file)).not.toThrow();
});
