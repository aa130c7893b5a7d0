import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { FileSystem } from "../../src/platform/port.ts";
import { checkRelease } from "../../src/release/check.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import type { ProgressEvent, ReleaseStore } from "../../src/release/store.ts";
import {
  historyOf,
  manifestBytes,
  manifestOf,
  rowsBuild,
  startOperation,
  storeIn,
  valueIn,
  writeFromOutside,
} from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** The store with some file operations replaced. */
function withFiles(store: ReleaseStore, change: (files: FileSystem) => Partial<FileSystem>): ReleaseStore {
  const { files } = store.platform;
  return { ...store, platform: { ...store.platform, files: { ...files, ...change(files) } } };
}

/** The store where making or changing anything whose path matches fails with the system's `code`. */
function failingAt(store: ReleaseStore, paths: RegExp, code: string): ReleaseStore {
  const refuse = (path: string): void => {
    if (paths.test(path)) throw Object.assign(new Error(`${code}: ${path}`), { code });
  };
  return withFiles(store, (files) => ({
    async open(path, mode, permissions) {
      if (mode !== "read") refuse(path);
      return files.open(path, mode, permissions);
    },
    async rename(source, target) {
      refuse(target);
      return files.rename(source, target);
    },
    async removeFolder(path) {
      refuse(path);
      return files.removeFolder(path);
    },
  }));
}

const ls = (folder: string, part: string) => readdirSync(join(folder, ".lockkeeper", part));

test.each(["trash/[0-9a-f]{12}-[0-9a-f]{12}$", "trash/."])(
  "a release that is out is never told as failed because %s could not be cleaned",
  async (paths) => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    mkdirSync(join(folder, ".lockkeeper/trash/left"));
    const events: ProgressEvent[] = [];
    const failing = failingAt(store, new RegExp(paths), "EACCES");
    const result = await publish(failing, rowsBuild(2), { onProgress: (event) => events.push(event) });
    expect(result).toMatchObject({ outcome: "switched", version: 2 });
    expect(events).toContainEqual({ kind: "warning", detail: expect.stringMatching(/could not be (removed|emptied).*EACCES/) });
    expect(historyOf(folder).map(({ type }) => type)).toEqual(["release.switched", "release.switched"]);
    // What was left keeps nobody out, and goes when it can.
    expect(await publish(store, rowsBuild(3))).toMatchObject({ outcome: "switched", version: 3 });
    expect([...ls(folder, "builds"), ...ls(folder, "trash")]).toEqual([]);
  },
);

test("a build folder that nobody can remove does not keep the next build from being made", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  mkdirSync(join(folder, ".lockkeeper/builds/stuck"));
  const events: ProgressEvent[] = [];
  const failing = failingAt(store, /builds\/stuck/, "EACCES");
  const result = await publish(failing, rowsBuild(2), { onProgress: (event) => events.push(event) });
  expect(result.outcome).toBe("switched");
  expect(events).toContainEqual({ kind: "warning", detail: expect.stringMatching(/build stuck.*EACCES/) });
});

test("a release that is active without the disk's word for it is not in the history as a failed build", async () => {
  const folder = temporaryFolder();
  await publish(storeIn(folder), rowsBuild(1));
  const child = startOperation(folder, `return publish(store, rowsBuild(2));`, { LOCKKEEPER_FAILPOINTS: "switch.renamed=error" });
  expect(JSON.parse((await child.line("error ")).slice(6))).toMatchObject({ code: "IO_FAILED" });
  expect(manifestOf(folder)).toMatchObject({ version: 2 });
  expect(historyOf(folder).map(({ type }) => type)).toEqual(["release.switched"]);
  expect([...ls(folder, "quarantine"), ...ls(folder, "builds")]).toEqual([]);
});

test("a quarantine that cannot be written never hides why a build failed or was refused", async () => {
  const folder = temporaryFolder();
  const strict = storeIn(folder, { checks: [{ check: "rows", severity: "error", table: "t", min: 10 }] });
  const full = failingAt(strict, /quarantine\/./, "ENOSPC");
  const events: ProgressEvent[] = [];
  const onProgress = (event: ProgressEvent) => events.push(event);
  const failed = publish(full, { kind: "function", build: () => Promise.reject(new Error("no input today")) }, { onProgress });
  await expect(failed).rejects.toMatchObject({ code: "BUILD_FAILED", message: expect.stringMatching(/no input today/) });
  const refused = await publish(full, rowsBuild(3), { onProgress });
  expect(refused).toMatchObject({
    outcome: "refused",
    checks: expect.arrayContaining([expect.objectContaining({ status: "fail" })]),
  });
  expect(refused.quarantine).toBeUndefined();
  expect(events.filter((event) => event.kind === "warning")).toHaveLength(2);
  expect(historyOf(folder).map(({ type }) => type)).toEqual(["build.failed", "release.refused"]);
  expect(ls(folder, "builds")).toEqual([]);
});

test.each([
  { paths: /pins\/./, errno: "ENOSPC", code: "DISK_FULL", exit: 15 },
  { paths: /records\/./, errno: "ENOSPC", code: "DISK_FULL", exit: 15 },
  { paths: /DB_b/, errno: "EROFS", code: "READ_ONLY", exit: 17 },
  { paths: /writer\.lock/, errno: "EACCES", code: "PERMISSION_DENIED", exit: 17 },
])("$errno at $paths is $code, exit $exit, and the checked build waits in quarantine", async ({ paths, errno, code, exit }) => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const manifest = manifestBytes(folder);
  await expect(publish(failingAt(store, paths, errno), rowsBuild(2))).rejects.toMatchObject({ code, exit });
  expect(manifestBytes(folder)).toBe(manifest);
  const [kept = ""] = ls(folder, "quarantine");
  expect(await valueIn(join(folder, ".lockkeeper/quarantine", kept, "DB.duckdb"), "SELECT count(*) FROM t")).toBe("2");
  expect(ls(folder, "builds")).toEqual([]);
});

test("a lock file that takes no note on a full disk is DISK_FULL, and the lock is free again", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  const full = withFiles(store, (files) => ({
    async open(path, mode, permissions) {
      const file = await files.open(path, mode, permissions);
      if (!path.endsWith(".writer.lock")) return file;
      return new Proxy(file, {
        get(target, name: keyof typeof file) {
          if (name === "write") return () => Promise.reject(Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }));
          const value = target[name];
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
  }));
  await expect(rollback(full)).rejects.toMatchObject({ code: "DISK_FULL" });
  expect(await rollback(store)).toMatchObject({ outcome: "switched", version: 3 });
});

test("what is out is not told as failed because a descriptor could not be looked at or closed, and its lock is free", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  const fail = () => Promise.reject(Object.assign(new Error("EIO"), { code: "EIO" }));
  const failing = withFiles(store, (files) => ({
    async open(path, mode, permissions) {
      const file = await files.open(path, mode, permissions);
      const isLock = path.endsWith(".writer.lock");
      if (!isLock && !path.endsWith("_a.duckdb")) return file;
      return new Proxy(file, {
        get(target, name: keyof typeof file) {
          if (name === "close" && isLock) return () => target.close().then(fail);
          if (name === "stat" && !isLock) return fail;
          const value = target[name];
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
  }));
  expect(await rollback(failing)).toMatchObject({ outcome: "switched", version: 3 });
  expect(await publish(store, rowsBuild(3))).toMatchObject({ outcome: "switched", version: 4 });
});

test("a rollback whose hashing fails lets writers into the slot again", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  const engine = { ...store.engine, digest: () => Promise.reject(new Error("the child was killed")) };
  await expect(rollback({ ...store, engine })).rejects.toThrow("the child was killed");
  expect(await writeFromOutside(join(folder, "DB_a.duckdb"), "CREATE TABLE more (n INTEGER)")).toBe("written");
});

test("builds that never succeed fill quarantine up to the number kept, no further", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder, { checks: [{ check: "rows", severity: "error", table: "t", min: 10 }], quarantineKeep: 2 });
  const refused: string[] = [];
  for (const rows of [1, 2, 3, 4]) refused.push((await publish(store, rowsBuild(rows))).build ?? "");
  expect(ls(folder, "quarantine").toSorted()).toEqual(refused.slice(2).toSorted());
  expect(ls(folder, "trash")).toEqual([]);
});

test("a reason too long for the manifest is refused before anything changes; readers take 64 KiB", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  const manifest = manifestBytes(folder);
  await expect(rollback(store, { reason: "x".repeat(70_000) })).rejects.toMatchObject({
    code: "USAGE",
    exit: 2,
    subject: "reason",
  });
  expect(manifestBytes(folder)).toBe(manifest);
  expect(await rollback(store, { reason: "x".repeat(10_000) })).toMatchObject({ version: 3 });
  expect(await checkRelease(store)).toMatchObject({ release: "r000001" });
});

test("FACTS 5: a check that stalls over two publishes does not judge another release's bytes by the first one's record", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  let stalls = 1;
  const engine: ReleaseStore["engine"] = {
    ...store.engine,
    async inspect(path, name) {
      if (stalls-- > 0) {
        await publish(store, rowsBuild(2));
        await publish(store, rowsBuild(3));
      }
      return store.engine.inspect(path, name);
    },
  };
  const result = await checkRelease({ ...store, engine });
  expect(result.release).toBe("r000003");
  expect(result.checks.filter(({ status }) => status !== "pass")).toEqual([]);
});
