import { mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkRelease } from "../../../src/release/check.ts";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { storeStatus } from "../../../src/release/status.ts";
import { proofLedger } from "../ledger.ts";
import { stoppedAt, stoppingAt } from "../signals/stopped.ts";
import { historyOf, manifestBytes, manifestOf, rowsBuild, startOperation, storeIn } from "../../support/store.ts";
import { storeAtTwo } from "./support.ts";

const ledger = proofLedger("locks", "2-lock-files");

/** What people and programs do to a lock file. */
const mischief: Record<string, (path: string) => void> = {
  removed: (path) => rmSync(path),
  "replaced by another file": (path) => {
    writeFileSync(`${path}.new`, "");
    renameSync(`${path}.new`, path);
  },
  "replaced by a folder": (path) => {
    rmSync(path);
    mkdirSync(path);
  },
  "replaced by a symbolic link": (path) => {
    renameSync(path, `${path}.moved`);
    symlinkSync(`${path}.moved`, path);
  },
  "replaced by a FIFO": (path) => {
    rmSync(path);
    expect(spawnSync("mkfifo", [path]).status).toBe(0);
  },
};

const operations = [
  {
    name: "publish",
    body: "return publish(store, rowsBuild(3));",
    failpoint: "install.recorded",
    lock: ".writer.lock",
    everyMischief: false,
  },
  {
    name: "publish",
    body: "return publish(store, rowsBuild(3));",
    failpoint: "install.done",
    lock: ".writer.lock",
    everyMischief: true,
  },
  {
    name: "publish",
    body: "return publish(store, rowsBuild(3));",
    failpoint: "build.begun",
    lock: ".lockkeeper/build.lock",
    everyMischief: false,
  },
  {
    name: "rollback",
    body: "return rollback(store);",
    failpoint: "rollback.verified",
    lock: ".writer.lock",
    everyMischief: true,
  },
] as const;

describe("FACTS 5: a lock file that is removed or replaced under its holder", () => {
  for (const [what, act] of Object.entries(mischief)) {
    test(`${what}: noticed before the commit, nothing is switched, and the next command works`, async () => {
      const tried = what === "removed" ? operations : operations.filter(({ everyMischief }) => everyMischief);
      for (const { body, failpoint, lock } of tried) {
        const folder = await storeAtTwo();
        const before = manifestBytes(folder);
        const path = join(folder, lock);
        const child = startOperation(folder, body, stoppingAt(failpoint));
        await stoppedAt(child, failpoint);
        act(path);
        child.process.kill("SIGCONT");
        const error = JSON.parse((await child.line("error ")).slice("error ".length)) as unknown;
        expect(error).toMatchObject({ code: "LOCK_REPLACED", exit: 12, subject: path });
        expect(manifestBytes(folder)).toBe(before);
        if (!statSync(path, { throwIfNoEntry: false })?.isFile() || what.includes("link"))
          rmSync(path, { recursive: true, force: true });
        expect(await publish(storeIn(folder), rowsBuild(4))).toMatchObject({ outcome: "switched", version: 3 });
      }
      ledger.add({
        operation: "publish and rollback, stopped before the commit",
        fault: `lock file ${what}`,
        outcome: "LOCK_REPLACED, manifest byte for byte the same; the next publish works",
        count: tried.length,
      });
    });
  }

  test("a second publisher that comes in over the deleted lock files tears nothing", async () => {
    const failpoints = ["build.begun", "seal.synced", "install.recorded", "install.done"];
    for (const failpoint of failpoints) {
      const folder = await storeAtTwo();
      const store = storeIn(folder);
      const child = startOperation(folder, "return publish(store, rowsBuild(3));", stoppingAt(failpoint));
      await stoppedAt(child, failpoint);
      for (const lock of [store.paths.writerLock, store.paths.buildLock]) rmSync(lock, { force: true });
      expect(await publish(store, rowsBuild(4))).toMatchObject({ outcome: "switched", version: 3 });
      const between = manifestBytes(folder);
      child.process.kill("SIGCONT");
      const error = JSON.parse((await child.line("error ")).slice("error ".length)) as unknown;
      expect(error).toMatchObject({ code: "LOCK_REPLACED" });
      expect(manifestBytes(folder)).toBe(between);
      const { checks } = await checkRelease(store);
      expect(checks.filter((check) => check.status !== "pass")).toEqual([]);
      const ids = historyOf(folder).map((event) => event["id"]);
      expect(ids).toEqual(ids.map((_, index) => index + 1));
      expect(await rollback(store)).toMatchObject({ outcome: "switched", version: 4 });
    }
    ledger.add({
      operation: "publish, stopped",
      fault: "lock files deleted, and a second publisher publishes in between",
      outcome: "LOCK_REPLACED; the second's release is active and whole, and can be rolled back",
      count: failpoints.length,
    });
  });
});

describe("a lock file that is no file, found by the next command", () => {
  test.each(Object.keys(mischief).filter((what) => what.includes("folder") || what.includes("link") || what.includes("FIFO")))(
    "%s: refused with what lies there and what to do",
    async (what) => {
      const folder = await storeAtTwo();
      const store = storeIn(folder);
      const before = manifestBytes(folder);
      for (const path of [store.paths.writerLock, store.paths.buildLock]) {
        mischief[what]?.(path);
        const operation = path === store.paths.writerLock ? rollback(store) : publish(store, rowsBuild(3));
        await expect(operation).rejects.toMatchObject({
          code: "IO_FAILED",
          subject: path,
          message: expect.stringMatching(/is a (folder|symbolic link|FIFO, socket or device), not a regular file$/) as string,
          hint: expect.stringContaining("Move it away") as string,
        });
        expect(manifestBytes(folder)).toBe(before);
        expect(await storeStatus(store)).toMatchObject({ release: "r000002" });
        rmSync(path, { recursive: true });
      }
      expect(await publish(store, rowsBuild(3))).toMatchObject({ outcome: "switched" });
      ledger.add({
        operation: "publish and rollback",
        fault: `lock file found ${what}`,
        outcome: "refused, naming the file and the cure; nothing changed",
        count: 2,
      });
    },
  );
});

describe("FACTS 5: a note decides nothing", () => {
  const note = (pid: number) =>
    `${pid}\n${JSON.stringify({ pid, command: "nightly", host: "h", since: "2026-01-01T00:00:00Z" })}\n`;
  const notes: Record<string, string> = {
    "of a living, innocent process (a PID used again)": note(process.ppid),
    "of PID 1": note(1),
    "of this very process": note(process.pid),
    "that is empty": "",
    "that is truncated": note(1).slice(0, 20),
    "that is garbage": "\u0000\u001b[2J garbage\nnot json\n",
    "of JSON that is no note": "1\nnull\n",
    "of a PID that is none": `x\n{"pid": "1"}\n{"pid": -1e400}\n`,
    "of 20 MB": `1\n${"x".repeat(20_000_000)}\n`,
    "in UTF-16": Buffer.from(note(1), "utf16le").toString("latin1"),
  };

  test("any note in a free lock file: the lock is free, and the note is ours afterwards", async () => {
    const folder = await storeAtTwo();
    const store = storeIn(folder);
    let version = 2;
    for (const text of Object.values(notes)) {
      for (const path of [store.paths.writerLock, store.paths.buildLock]) writeFileSync(path, text);
      expect(await storeStatus(store)).toMatchObject({ release: expect.stringMatching(/^r/) as string });
      version += 1;
      expect(await publish(store, rowsBuild(1))).toMatchObject({ outcome: "switched", version });
      expect((await storeStatus(store)).lock).toBeUndefined();
      expect(statSync(store.paths.writerLock).size).toBeLessThan(1000);
    }
    expect(manifestOf(folder)["version"]).toBe(version);
    ledger.add({
      operation: "publish",
      fault: "free lock file with any note: of a living process, of PID 1, its own PID, empty, torn, garbage, 20 MB, UTF-16",
      outcome: "the lock is free",
      count: Object.keys(notes).length,
    });
  });

  test("any note scribbled over a held lock: held all the same, and told so", async () => {
    const folder = await storeAtTwo();
    const store = storeIn(folder);
    const holder = startOperation(folder, "return rollback(store);", stoppingAt("rollback.verified"));
    await stoppedAt(holder, "rollback.verified");
    for (const text of Object.values(notes)) {
      writeFileSync(store.paths.writerLock, text);
      await expect(rollback(store)).rejects.toMatchObject({
        code: "WRITER_LOCKED",
        exit: 11,
        message: expect.stringMatching(
          /^the writer lock of holdings is held by (process \d+ on h \(nightly\) since \S+|a program that left no note)$/,
        ) as string,
      });
      expect(await storeStatus(store)).toMatchObject({ lock: { lock: "writer", held: true } });
    }
    holder.process.kill("SIGCONT");
    expect(await holder.line("result ")).toContain(`"version":3`);
    ledger.add({
      operation: "rollback against a held lock",
      fault: "any of those notes scribbled over the holder's",
      outcome: "WRITER_LOCKED; status tells that it is held; the holder finishes",
      count: Object.keys(notes).length,
    });
  });
});
