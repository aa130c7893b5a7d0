import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { locksResultSchema, releasesResultSchema } from "../../src/model/results.ts";
import { listReleases } from "../../src/release/list.ts";
import { storeLocks } from "../../src/release/locks.ts";
import { publish } from "../../src/release/publish.ts";
import type { ReleaseStore } from "../../src/release/store.ts";
import { isAlive, stoppedAt, stoppingAt } from "../proof/signals/stopped.ts";
import { distUrl, startProgram, startScript, type Child } from "../support/child.ts";
import { rowsBuild, startOperation, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const linux = process.platform === "linux";

async function locksOf(...stores: ReleaseStore[]) {
  return locksResultSchema.parse(await storeLocks(stores));
}

/** A process that keeps the active release borrowed through `count` readers, until it is killed; it says so when they have seen the next one. */
async function startReader(folder: string, count = 1): Promise<Child> {
  const child = startScript(`
    import { openReader } from ${JSON.stringify(distUrl("workspace/open-reader.js"))};
    let switched = 0;
    for (let index = 0; index < ${count}; index += 1) {
      const reader = await openReader({ dir: ${JSON.stringify(folder)}, drainTimeoutMs: 3_600_000, pollMs: 20 });
      if (!reader.status().pinned) throw new Error("not pinned");
      reader.on("switch", () => (switched += 1) === ${count} && console.log("switched"));
      void reader.borrow(() => new Promise(() => {}));
    }
    console.log("open");
    process.stdin.resume();
  `);
  await child.line("open");
  return child;
}

/** All names below a folder. */
const treeOf = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted((left, right) => (left < right ? -1 : 1));

const free = { held: false, processes: [] };

test("a store that does not exist has free locks and no pins, and looking makes nothing", async () => {
  const folder = join(temporaryFolder(), "none");
  const { locks, pins } = await locksOf(storeIn(folder));
  const held = linux ? false : null;
  expect(locks).toEqual(["writer", "build"].map((lock) => ({ store: "holdings", lock, held, processes: [] })));
  expect(pins).toEqual([]);
  expect(existsSync(folder)).toBe(false);
  expect(await storeLocks([])).toEqual({ locks: [], pins: [] });
});

test("where the system lists no locks, nothing is said to be held, free or read; the note of the last holder is all there is", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const { locks } = store.platform;
  const tried: string[] = [];
  const silent = {
    ...locks,
    tryLock: (...words: Parameters<typeof locks.tryLock>) => (tried.push(words[0].path), locks.tryLock(...words)),
    holders: () => Promise.resolve(undefined),
  };
  writeFileSync(
    store.paths.buildLock,
    '7\n{"pid":7,"command":"node etl.js","host":"h","since":"2026-11-21T03:00:00.000Z","purpose":"publish"}\n',
  );
  const elsewhere = { ...store, platform: { ...store.platform, locks: silent } };
  expect(await locksOf(elsewhere)).toEqual({
    locks: [
      { store: "holdings", lock: "writer", held: null, processes: [] },
      {
        store: "holdings",
        lock: "build",
        held: null,
        pid: 7,
        command: "node etl.js",
        host: "h",
        since: "2026-11-21T03:00:00.000Z",
        purpose: "publish",
        processes: [],
      },
    ],
    pins: [{ store: "holdings", release: "r000001", readers: null, processes: [] }],
  });
  const { releases } = releasesResultSchema.parse(await listReleases(elsewhere));
  expect(releases.map((release) => [release.release, "readers" in release])).toEqual([["r000001", false]]);
  // A lock that is tried is held for a moment, and turns away whoever comes in it.
  expect(tried).toEqual([]);
});

describe.runIf(linux)("who holds what", () => {
  test("readers of a release, each process once however many readers it has", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    const old = await startReader(folder, 2);
    await publish(store, rowsBuild(2));
    await old.line("switched");
    const fresh = await startReader(folder);
    const told = ({ pid }: Child) => ({ pid, command: expect.any(String) as string });
    const before = treeOf(folder);
    const { locks, pins } = await locksOf(store);
    expect(pins).toEqual([
      { store: "holdings", release: "r000001", readers: 1, processes: [told(old)] },
      {
        store: "holdings",
        release: "r000002",
        readers: 2,
        processes: [told(old), told(fresh)].toSorted((left, right) => left.pid - right.pid),
      },
    ]);
    expect(locks).toMatchObject([
      { lock: "writer", ...free },
      { lock: "build", ...free },
    ]);
    expect(locks.some((lock) => "pid" in lock)).toBe(false);
    const listed = async () => (await listReleases(store)).releases.map(({ release, readers }) => [release, readers]);
    expect(await listed()).toEqual([
      ["r000002", 2],
      ["r000001", 1],
    ]);
    expect(treeOf(folder)).toEqual(before);
    for (const child of [old, fresh]) {
      child.process.kill("SIGKILL");
      await child.ended;
    }
    expect((await locksOf(store)).pins.map(({ readers }) => readers)).toEqual([0, 0]);
    expect(await listed()).toEqual([
      ["r000002", 0],
      ["r000001", 0],
    ]);
    // Without a pin nobody can be told to read it, and what is refused is never opened by readers.
    rmSync(store.paths.pin("r000001"));
    const { outcome } = await publish(
      { ...store, checks: [{ check: "tables", names: ["none"], severity: "error" }] },
      rowsBuild(1),
    );
    expect(outcome).toBe("refused");
    expect((await listReleases(store)).releases.map(({ state, readers }) => [state, readers])).toEqual([
      ["active", 0],
      ["kept", undefined],
      ["quarantined", undefined],
    ]);
  });

  test("a publisher that stands at its install: writer lock, build lock and its folder, each with its process", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    const child = startOperation(folder, "return publish(store, rowsBuild(1));", stoppingAt("install.recorded"));
    await stoppedAt(child, "install.recorded");
    const [build] = readdirSync(store.paths.builds);
    const processes = [{ pid: child.pid, command: expect.any(String) }];
    const noted = { held: true, pid: child.pid, since: expect.any(String), host: expect.any(String), processes };
    const { locks } = await locksOf(store, storeIn(join(folder, "other"), { name: "other" }));
    expect(locks).toMatchObject([
      { store: "holdings", lock: "writer", ...noted, purpose: "publish holdings" },
      { store: "holdings", lock: "build", ...noted, purpose: "publish holdings" },
      { store: "holdings", lock: "folder", build, held: true, pid: child.pid, processes },
      { store: "other", lock: "writer", ...free },
      { store: "other", lock: "build", ...free },
    ]);
    child.process.kill("SIGCONT");
    expect(JSON.parse((await child.line("result ")).slice("result ".length))).toMatchObject({ outcome: "switched" });
    expect((await locksOf(store)).locks).toMatchObject([
      { lock: "writer", ...free },
      { lock: "build", ...free },
    ]);
  });

  test("a holder that was killed left a note: the locks are free, and say who died", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    const child = startOperation(folder, "return publish(store, rowsBuild(1));", {
      LOCKKEEPER_FAILPOINTS: "install.recorded=kill",
    });
    await child.ended;
    const [build] = readdirSync(store.paths.builds);
    const { locks } = await locksOf(store);
    expect(locks).toMatchObject([
      { lock: "writer", ...free, pid: child.pid, lastHolderDied: true },
      { lock: "build", ...free, pid: child.pid, lastHolderDied: true, purpose: "publish holdings" },
      { lock: "folder", build, ...free },
    ]);
    await publish(store, rowsBuild(1));
    expect((await locksOf(store)).locks).toEqual([
      { store: "holdings", lock: "writer", ...free },
      { store: "holdings", lock: "build", ...free },
    ]);
  });

  test("a killed publisher's command keeps the build lock: the kernel's process is told, not the note's", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    const body = `
      const onProgress = (event) => event.kind === "output" && process.stdout.write(event.chunk);
      return publish(store, { kind: "command", argv: ["sh", "-c", "echo command $$; exec sleep 600"], folder: "/" }, { onProgress });
    `;
    const child = startOperation(folder, body);
    const command = Number((await child.line("command ")).slice("command ".length));
    onTestFinished(() => void spawnSync("kill", ["-9", String(command)]));
    const both = (await locksOf(store)).locks.find(({ lock }) => lock === "build");
    expect(both).toMatchObject({ held: true, pid: child.pid });
    expect(both?.processes.map(({ pid }) => pid)).toEqual([child.pid, command].toSorted((left, right) => left - right));
    child.process.kill("SIGKILL");
    // The orphan has our pipes, so its parent's end is asked of the kernel.
    while (isAlive(child.pid)) await pause(5);
    const { locks } = await locksOf(store);
    expect(locks.find(({ lock }) => lock === "build")).toEqual({
      store: "holdings",
      lock: "build",
      held: true,
      pid: command,
      command: "sleep 600",
      host: store.platform.processes.self().host,
      processes: [{ pid: command, command: "sleep 600" }],
    });
    expect(locks.find(({ lock }) => lock === "folder")).toMatchObject(free);
  });

  test("a program that leaves no note is named by the kernel", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    const script = `import fcntl, sys\nfile = open(sys.argv[1], "r+")\nfcntl.lockf(file, fcntl.LOCK_EX)\nprint("ready", flush=True)\nsys.stdin.read()`;
    const python = startProgram(["python3", "-c", script, store.paths.writerLock]);
    await python.line("ready");
    const { locks } = await locksOf(store);
    expect(locks[0]).toMatchObject({
      lock: "writer",
      held: true,
      pid: python.pid,
      command: expect.stringMatching(/^python3(\.\d+)? -c import fcntl/),
    });
    expect(locks[0]).not.toHaveProperty("purpose");
  });

  test("looking turns nobody away: a publish goes through while locks are looked at without a pause", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    const looking = { on: true, looks: 0 };
    const looker = (async () => {
      while (looking.on) {
        await storeLocks([store]);
        looking.looks += 1;
      }
    })();
    const child = startOperation(
      folder,
      `
      for (let count = 1; count <= 5; count += 1) await publish(store, rowsBuild(count));
      return "published";
    `,
    );
    const answer = await child.line("result ");
    looking.on = false;
    await looker;
    expect(answer).toBe('result "published"');
    expect(looking.looks).toBeGreaterThan(0);
  });

  test("pins are those of releases, and prune is no reader: other names in the folder are none", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    for (const name of ["x.pin", "r000001.pin.bak", ".r000009.pin.tmp"]) writeFileSync(join(store.paths.pins, name), "");
    mkdirSync(join(store.paths.builds, "stray"));
    // As prune holds it while it removes it.
    const pin = await store.platform.files.open(store.paths.pin("r000001"), "update");
    onTestFinished(() => pin.close());
    expect(store.platform.locks.tryLock(pin, "exclusive")).toBe(true);
    const { locks, pins } = await locksOf(store);
    expect(pins).toEqual([{ store: "holdings", release: "r000001", readers: 0, processes: [] }]);
    expect(locks.at(-1)).toEqual({ store: "holdings", lock: "folder", build: "stray", ...free });
  });
});
