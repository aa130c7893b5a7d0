import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { doctorResultSchema, type DoctorCheck } from "../../src/model/doctor/check.ts";
import { nodeMachine } from "../../src/platform/machine.ts";
import type { Platform } from "../../src/platform/port.ts";
import type { DoctorTools } from "../../src/release/doctor/looking.ts";
import { storeDoctor } from "../../src/release/doctor/store.ts";
import { publish } from "../../src/release/publish.ts";
import type { ReleaseStore } from "../../src/release/store.ts";
import { distUrl } from "../support/child.ts";
import { rowsBuild, startOperation, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const asRoot = process.getuid?.() === 0;
const nobody = 65534;

async function checksOf(store: ReleaseStore, more: Partial<DoctorTools> = {}): Promise<Record<string, DoctorCheck>> {
  const found = await storeDoctor(store, { machine: nodeMachine(), networkAllowed: false, expected: [], ...more });
  const { checks } = doctorResultSchema.parse({ checks: found });
  expect(checks.every((check) => check.store === store.name)).toBe(true);
  expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
  return Object.fromEntries(checks.map((check) => [check.name, check]));
}

/** The checks that are not a pass, by name. */
function statuses(checks: Record<string, DoctorCheck>): Record<string, string> {
  return Object.fromEntries(Object.values(checks).flatMap(({ name, status }) => (status === "pass" ? [] : [[name, status]])));
}

/** A store with two releases. */
async function publishedStore(options: Parameters<typeof storeIn>[1] = {}): Promise<ReleaseStore> {
  const store = storeIn(join(temporaryFolder(), "data"), options);
  for (const rows of [1, 2]) await publish(store, rowsBuild(rows));
  return store;
}

/** The store on another platform: the real one with parts of it replaced. */
function on(store: ReleaseStore, replace: (real: Platform) => Partial<Platform>): ReleaseStore {
  return { ...store, platform: { ...store.platform, ...replace(store.platform) } };
}

/** Every name below a folder with what `stat` tells of its content. A folder that had a file for a while has another time: names are what counts there. */
function treeOf(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names
    .map((name) => {
      const stat = statSync(join(folder, name));
      return stat.isDirectory() ? name : `${name} ${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`;
    })
    .toSorted((left, right) => (left < right ? -1 : 1));
}

describe("a store where all is well", () => {
  test.each(["slots", "releases"] as const)("layout %s: every check passes, and nothing is changed", async (layout) => {
    const store = await publishedStore({ layout });
    const before = treeOf(store.paths.folder);
    const checks = await checksOf(store);
    expect(statuses(checks)).toEqual({});
    expect(Object.keys(checks)).toEqual([
      "folder",
      "file_system",
      "access",
      "writer_lock",
      "manifest",
      "clock",
      "free_space",
      "leftover_logs",
      "stray_files",
      "kernel_locks",
      "folder_fsync",
      "reflink",
    ]);
    expect(checks["manifest"]?.observed).toContain("r000002, version 2");
    expect(treeOf(store.paths.folder)).toEqual(before);
  });

  test("one that does not exist yet: what could not be tried is said, and looking makes nothing", async () => {
    const folder = temporaryFolder();
    const checks = await checksOf(storeIn(join(folder, "none/data")));
    expect(statuses(checks)).toEqual({ folder: "warn", kernel_locks: "warn", folder_fsync: "warn", reflink: "warn" });
    expect(checks["kernel_locks"]?.observed).toContain("not tried");
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("what the file system does", () => {
  test("locks that do not exclude, and locks that stay, fail", async () => {
    const store = await publishedStore();
    const lax = on(store, ({ locks }) => ({ locks: { ...locks, tryLock: () => true } }));
    const sticky = on(store, ({ locks }) => ({ locks: { ...locks, tryLock: () => false } }));
    expect((await checksOf(lax))["kernel_locks"]).toMatchObject({
      status: "fail",
      observed: expect.stringContaining("got exclusive and shared locks beside it"),
    });
    expect((await checksOf(sticky))["kernel_locks"]).toMatchObject({
      status: "fail",
      observed: expect.stringContaining("stayed"),
    });
    expect(readdirSync(store.paths.own).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("a second process that does not start, or ends at once, fails the check and no other", async () => {
    const store = await publishedStore();
    const missing = on(store, ({ processes }) => ({
      processes: { ...processes, run: (request) => processes.run({ ...request, argv: [join(store.paths.folder, "none")] }) },
    }));
    const mute = on(store, ({ processes }) => ({
      processes: { ...processes, run: (request) => processes.run({ ...request, argv: [process.execPath, "-e", ""] }) },
    }));
    for (const broken of [missing, mute]) expect(statuses(await checksOf(broken))).toEqual({ kernel_locks: "fail" });
  });

  test("shared blocks and whole copies are told apart; a copy that fails is a failure", async () => {
    const store = await publishedStore();
    const copying = (how: () => Promise<"reflink" | "copy">) => on(store, ({ files }) => ({ files: { ...files, copy: how } }));
    const observed = async (how: "reflink" | "copy") => (await checksOf(copying(async () => how)))["reflink"];
    expect(await observed("reflink")).toMatchObject({ status: "pass", observed: expect.stringContaining("can be shared") });
    expect(await observed("copy")).toMatchObject({ status: "pass", observed: expect.stringContaining("cannot be shared") });
    const full = copying(() => Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" })));
    expect(statuses(await checksOf(full))).toEqual({ reflink: "fail" });
  });

  test("a folder that cannot be synced fails; where the system has no such call that is said", async () => {
    const store = await publishedStore();
    const failing = on(store, ({ files }) => ({
      files: { ...files, syncFolder: () => Promise.reject(Object.assign(new Error("no"), { code: "EINVAL" })) },
    }));
    expect(statuses(await checksOf(failing))).toEqual({ folder_fsync: "fail" });
    const windows = on(store, ({ files }) => ({ files: { ...files, transientRenameErrors: ["EPERM"] } }));
    expect((await checksOf(windows))["folder_fsync"]).toMatchObject({
      status: "pass",
      observed: expect.stringContaining("no fsync of folders"),
    });
  });

  test("a probe that cannot be removed is named", async () => {
    const store = await publishedStore();
    const keeping = on(store, ({ files }) => ({
      files: { ...files, removeFile: () => Promise.reject(Object.assign(new Error("busy"), { code: "EBUSY" })) },
    }));
    const { folder_fsync: check } = await checksOf(keeping);
    expect(check).toMatchObject({ status: "fail", observed: expect.stringMatching(/cannot remove .*\.doctor\.[0-9a-f]+\.tmp/) });
  });

  test("an interruption ends it with INTERRUPTED, and the probe goes all the same", async () => {
    const store = await publishedStore();
    const stop = new AbortController();
    const stopping = on(store, ({ processes }) => ({
      processes: {
        ...processes,
        run(request) {
          stop.abort(new Error("stopped"));
          return processes.run(request);
        },
      },
    }));
    await expect(checksOf(stopping, { signal: stop.signal })).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(readdirSync(store.paths.own).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("a network file system fails, or warns where readers may follow there; overlayfs warns (FACTS 5)", async () => {
    const store = await publishedStore();
    const kindOf = (name: string, network: boolean) =>
      on(store, ({ disk }) => ({ disk: { ...disk, kind: async () => ({ name, network }) } }));
    expect(statuses(await checksOf(kindOf("nfs", true)))).toEqual({ file_system: "fail" });
    expect(statuses(await checksOf(kindOf("nfs", true), { networkAllowed: true }))).toEqual({ file_system: "warn" });
    expect(statuses(await checksOf(kindOf("overlayfs", false)))).toEqual({ file_system: "warn" });
  });
});

describe("room and time", () => {
  test("room for one more release, and no more, warns; less fails; the slot that is given up counts", async () => {
    const store = await publishedStore();
    const bytes = statSync(store.paths.slot("DB", "b")).size;
    const free = (of: ReleaseStore, left: number) => on(of, ({ disk }) => ({ disk: { ...disk, freeBytes: async () => left } }));
    expect(statuses(await checksOf(free(store, 2 * bytes)))).toEqual({});
    expect(statuses(await checksOf(free(store, bytes)))).toEqual({ free_space: "warn" });
    expect(statuses(await checksOf(free(store, bytes - 1)))).toEqual({ free_space: "fail" });
    expect(statuses(await checksOf(free({ ...store, space: "2x" }, bytes - 1)))).toEqual({ free_space: "warn" });
  });

  test("a clock behind the manifest fails; without a manifest the history's lines count", async () => {
    const store = await publishedStore();
    const earlier = on(store, ({ clock }) => ({ clock: { ...clock, now: () => new Date(Date.now() - 3_600_000) } }));
    expect(statuses(await checksOf(earlier))).toEqual({ clock: "fail" });
    const refusing = storeIn(join(temporaryFolder(), "data"), {
      checks: [{ check: "tables", names: ["none"], severity: "error" }],
    });
    expect(await publish(refusing, rowsBuild(1))).toMatchObject({ outcome: "refused" });
    expect(statuses(await checksOf(refusing))).toEqual({});
    const behind = on(refusing, ({ clock }) => ({ clock: { ...clock, now: () => new Date(Date.now() - 3_600_000) } }));
    expect(statuses(await checksOf(behind))).toEqual({ clock: "fail" });
  });
});

describe("what lies in the store", () => {
  test("FACTS 2.6: a log beside the active slot fails, one beside the other slot warns", async () => {
    const store = await publishedStore();
    writeFileSync(`${store.paths.slot("DB", "a")}.wal`, "");
    expect(statuses(await checksOf(store))).toEqual({ leftover_logs: "warn" });
    writeFileSync(`${store.paths.slot("DB", "b")}.wal`, "");
    expect(statuses(await checksOf(store))).toEqual({ leftover_logs: "fail" });
  });

  test("a log beside the active release's file in its folder fails, too", async () => {
    const store = await publishedStore({ layout: "releases" });
    writeFileSync(join(store.paths.release("r000002"), "DB.duckdb.wal"), "");
    expect(statuses(await checksOf(store))).toEqual({ leftover_logs: "fail" });
  });

  test("files that nobody knows are named, the fallback is not one of them, and a long list is counted", async () => {
    const store = await publishedStore();
    const { folder, own, releases } = store.paths;
    writeFileSync(join(folder, "old.duckdb"), "");
    expect((await checksOf(store))["stray_files"]).toMatchObject({ status: "warn", observed: "old.duckdb" });
    expect(statuses(await checksOf(store, { expected: [join(folder, "old.duckdb")] }))).toEqual({});
    mkdirSync(releases);
    for (const path of [join(own, "notes.txt"), join(releases, "r1"), join(folder, "tmp_x.parquet")]) writeFileSync(path, "");
    writeFileSync(join(own, ".doctor.0123456789ab.tmp"), "");
    const { observed } = (await checksOf(store))["stray_files"] ?? {};
    expect(observed).toBe(
      "old.duckdb, tmp_x.parquet (an unfinished file of DuckDB), .lockkeeper/.doctor.0123456789ab.tmp (of a process that is at work, or was killed), .lockkeeper/notes.txt, releases/r1",
    );
    for (let index = 0; index < 12; index += 1) writeFileSync(join(folder, `x${index}`), "");
    expect((await checksOf(store))["stray_files"]?.observed).toMatch(/, and 7 more$/);
  });

  test("a manifest that cannot be used fails, another program's and a deleted one warn; nothing throws", async () => {
    const store = await publishedStore();
    writeFileSync(store.paths.manifest, '{"active": "c", "version": 1}');
    expect(statuses(await checksOf(store))).toEqual({ manifest: "fail" });
    writeFileSync(store.paths.manifest, '{"active": "a", "version": 7}');
    expect(statuses(await checksOf(store))).toEqual({ manifest: "warn" });
    const gone = on(store, ({ files }) => ({
      files: {
        ...files,
        readNow: (path, bytesMax) => (path === store.paths.manifest ? undefined : files.readNow(path, bytesMax)),
      },
    }));
    expect(statuses(await checksOf(gone))).toEqual({ manifest: "warn" });
  });

  test("a folder that is a file, or a link that leads nowhere, fails; a link to a folder is a folder", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "file"), "");
    symlinkSync("none", join(folder, "dangling"));
    const real = await publishedStore();
    symlinkSync(real.paths.folder, join(folder, "link"));
    expect(statuses(await checksOf(storeIn(join(folder, "file"))))).toMatchObject({ folder: "fail" });
    expect(statuses(await checksOf(storeIn(join(folder, "dangling"))))).toMatchObject({ folder: "fail" });
    expect(statuses(await checksOf(storeIn(join(folder, "link"))))).toEqual({});
  });
});

describe("who may do what", () => {
  test("a writer lock that everybody may take warns; one that is no file fails", async () => {
    const store = await publishedStore();
    chmodSync(store.paths.writerLock, 0o666);
    expect(statuses(await checksOf(store))).toEqual({ writer_lock: "warn" });
    const link = storeIn(temporaryFolder());
    symlinkSync("elsewhere", link.paths.writerLock);
    expect(statuses(await checksOf(link))).toMatchObject({ writer_lock: "fail" });
  });

  /** What `storeDoctor` told another user, by name; only root can ask as another user. */
  async function asNobody(store: ReleaseStore): Promise<Record<string, DoctorCheck>> {
    const child = startOperation(
      store.paths.folder,
      `
      const { storeDoctor } = await import(${JSON.stringify(distUrl("release/doctor/store.js"))});
      const { nodeMachine } = await import(${JSON.stringify(distUrl("platform/machine.js"))});
      process.setgid(${nobody});
      process.setuid(${nobody});
      return storeDoctor(store, { machine: nodeMachine(), networkAllowed: false, expected: [] });
    `,
    );
    const checks = JSON.parse((await child.line("result ")).slice("result ".length)) as DoctorCheck[];
    return Object.fromEntries(checks.map((check) => [check.name, check]));
  }

  test.runIf(asRoot)("a user who may only read is told so, and what could not be tried; nothing is changed", async () => {
    const store = await publishedStore();
    chmodSync(join(store.paths.folder, ".."), 0o755);
    const before = treeOf(store.paths.folder);
    const checks = await asNobody(store);
    expect(statuses(checks)).toEqual({ access: "warn", kernel_locks: "warn", folder_fsync: "warn", reflink: "warn" });
    expect(checks["access"]?.observed).toContain("EACCES");
    expect(checks["reflink"]?.observed).toContain("not tried: cannot make a file in");
    expect(treeOf(store.paths.folder)).toEqual(before);
  });

  test.runIf(asRoot)("a user who may not read fails every check that looks inside, and none throws", async () => {
    const store = await publishedStore();
    chmodSync(join(store.paths.folder, ".."), 0o755);
    chmodSync(store.paths.folder, 0o700);
    const checks = await asNobody(store);
    expect(statuses(checks)).toMatchObject({ access: "fail", manifest: "fail", stray_files: "fail" });
  });

  test.runIf(asRoot)("root in another user's store is warned; that user may not take a writer lock that root made", async () => {
    const store = await publishedStore();
    chmodSync(join(store.paths.folder, ".."), 0o755);
    for (const path of [store.paths.folder, store.paths.own]) chownSync(path, nobody, nobody);
    expect(statuses(await checksOf(store))).toEqual({ access: "warn" });
    expect(statuses(await asNobody(store))).toEqual({ writer_lock: "fail" });
  });
});
