import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { failpointsFrom } from "../../src/platform/failpoint.ts";
import { makeFolders, recoveryBarrier, removeTree, renameFile, replaceFile } from "../../src/platform/files.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import type { OpenFile, Platform } from "../../src/platform/port.ts";
import { distUrl, startScript } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary.ts";

const platform = nodePlatform();

/** The real platform with one file operation of every opened file replaced. */
function withFile(change: (file: OpenFile) => Partial<OpenFile>): Platform {
  const files = { ...platform.files };
  files.open = async (path, mode, permissions) => {
    const file = await platform.files.open(path, mode, permissions);
    return new Proxy(file, {
      get(target, name: keyof OpenFile) {
        const value = change(target)[name] ?? target[name];
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  };
  return { ...platform, files };
}

test("replaces a file whole, with the permissions it was asked for, whatever the umask", async () => {
  const path = join(temporaryFolder(), "m.json");
  writeFileSync(path, "old");
  await replaceFile(platform, { path, bytes: Buffer.from("new"), failpoint: "x", permissions: 0o640 });
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(statSync(path).mode & 0o777).toBe(0o640);
});

test("FACTS 5: a disk that takes a part of the bytes is written in a loop; one that takes none is full, and the old file stays", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "m.json");
  writeFileSync(path, "old");
  const short = withFile((file) => ({ write: (bytes, position) => file.write(bytes.subarray(0, 1), position) }));
  await replaceFile(short, { path, bytes: Buffer.from("new!"), failpoint: "x" });
  expect(readFileSync(path, "utf8")).toBe("new!");
  const full = withFile(() => ({ write: async () => 0 }));
  await expect(replaceFile(full, { path, bytes: Buffer.from("newer"), failpoint: "x" })).rejects.toMatchObject({
    code: "DISK_FULL",
    exit: 15,
  });
  expect(readFileSync(path, "utf8")).toBe("new!");
  expect(readdirSync(folder)).toEqual(["m.json"]);
});

test("an fsync that fails is an error, never tried again, and the old file stays", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "m.json");
  writeFileSync(path, "old");
  let calls = 0;
  const failing = withFile(() => ({
    sync: async () => {
      calls++;
      throw Object.assign(new Error("EIO"), { code: "EIO" });
    },
  }));
  await expect(replaceFile(failing, { path, bytes: Buffer.from("new"), failpoint: "x" })).rejects.toMatchObject({
    code: "IO_FAILED",
  });
  expect(calls).toBe(1);
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(folder)).toEqual(["m.json"]);
});

test.each(["x.written", "x.synced", "x.renamed"])(
  "killed at failpoint %s, the path holds the old bytes or the new ones, whole",
  async (name) => {
    const path = join(temporaryFolder(), "m.json");
    writeFileSync(path, "old");
    const child = startScript(
      `import { replaceFile } from ${JSON.stringify(distUrl("platform/files.js"))};
     import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
     await replaceFile(nodePlatform(), { path: ${JSON.stringify(path)}, bytes: Buffer.from("new"), failpoint: "x" });`,
      { env: { LOCKKEEPER_FAILPOINTS: `${name}=kill` } },
    );
    expect(await child.ended).toMatchObject({ signal: "SIGKILL" });
    expect(readFileSync(path, "utf8")).toBe(name === "x.renamed" ? "new" : "old");
  },
);

test("where a file in use makes a rename fail for a while it is tried again, and given up with nothing changed", async () => {
  let tries = 0;
  let now = 0;
  const clock = { ...platform.clock, monotonicMs: () => now, wait: async (ms: number) => void (now += ms) };
  const busy = (until: number): Platform => ({
    ...platform,
    clock,
    files: {
      ...platform.files,
      transientRenameErrors: ["EBUSY"],
      async rename(source, target) {
        if (++tries <= until) throw Object.assign(new Error("EBUSY"), { code: "EBUSY" });
        return platform.files.rename(source, target);
      },
    },
  });
  const folder = temporaryFolder();
  writeFileSync(join(folder, "a"), "a");
  await renameFile(busy(3), join(folder, "a"), join(folder, "b"));
  expect(tries).toBe(4);
  await expect(renameFile(busy(Infinity), join(folder, "b"), join(folder, "c"))).rejects.toMatchObject({
    code: "SLOT_BUSY",
    exit: 11,
  });
  expect(readdirSync(folder)).toEqual(["b"]);
});

test("a rename that fails for good is not tried again", async () => {
  const folder = temporaryFolder();
  await expect(renameFile(platform, join(folder, "missing"), join(folder, "b"))).rejects.toMatchObject({ code: "FILE_MISSING" });
});

test("folders are made from a root that exists; a tree is removed with links not followed", async () => {
  const root = temporaryFolder();
  const kept = join(root, "kept");
  mkdirSync(kept);
  writeFileSync(join(kept, "x"), "x");
  await makeFolders(platform, root, join(root, "a", "b", "c"));
  await makeFolders(platform, root, join(root, "a", "b", "c"));
  symlinkSync(kept, join(root, "a", "b", "link"));
  await removeTree(platform, join(root, "a"));
  await removeTree(platform, join(root, "a"));
  expect(readdirSync(root)).toEqual(["kept"]);
  expect(readdirSync(kept)).toEqual(["x"]);
});

test.skipIf(process.platform === "win32")(
  "the umask decides who may enter a folder, and not in a store; one that is there keeps its mode",
  async () => {
    const root = temporaryFolder();
    const mode = (...names: string[]) => (statSync(join(root, ...names)).mode & 0o777).toString(8);
    const child = startScript(`
    import { makeFolders, makeInnerFolders } from ${JSON.stringify(distUrl("platform/files.js"))};
    import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
    process.umask(0o077);
    const [platform, root] = [nodePlatform(), ${JSON.stringify(root)}];
    await makeFolders(platform, root, root + "/private/in");
    await makeInnerFolders(platform, root, root + "/private/in/open/b");
  `);
    expect(await child.ended).toMatchObject({ code: 0 });
    expect([mode("private"), mode("private", "in"), mode("private", "in", "open"), mode("private", "in", "open", "b")]).toEqual([
      "700",
      "700",
      "755",
      "755",
    ]);
  },
);

test("the barrier takes a missing file, and a folder that cannot be synced is an error", async () => {
  const folder = temporaryFolder();
  await recoveryBarrier(platform, join(folder, "m.json"));
  await expect(recoveryBarrier(platform, join(folder, "none", "m.json"))).rejects.toMatchObject({ code: "FILE_MISSING" });
});

test("FACTS 5: a FIFO, a folder, a link or a huge file in a small file's place is told, never read or waited for", () => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  execFileSync("mkfifo", [at("fifo")]);
  mkdirSync(at("folder"));
  writeFileSync(at("file"), "12345");
  symlinkSync(at("file"), at("link"));
  expect(platform.files.readNow(at("fifo"), 10)).toMatchObject({ bytes: undefined, stat: { kind: "other" } });
  expect(platform.files.readNow(at("folder"), 10)).toMatchObject({ bytes: undefined, stat: { kind: "folder" } });
  expect(platform.files.readNow(at("link"), 10)).toMatchObject({ bytes: undefined, stat: { kind: "symlink" } });
  expect(platform.files.readNow(at("file"), 4)).toMatchObject({ bytes: undefined, stat: { kind: "file", bytes: 5 } });
  expect(platform.files.readNow(at("file"), 5)?.bytes?.toString()).toBe("12345");
  expect(platform.files.readNow(at("none"), 5)).toBeUndefined();
});

test("a small file takes a small buffer, whatever its bound; one that is longer than its size says is read to its end, or to the bound", () => {
  const path = join(temporaryFolder(), "file");
  writeFileSync(path, "12345");
  const asked = vi.spyOn(Buffer, "allocUnsafe");
  try {
    for (const bytesMax of [5, 6, 64 * 1024 * 1024]) {
      expect(platform.files.readNow(path, bytesMax)?.bytes?.toString()).toBe("12345");
    }
    expect(Math.max(...asked.mock.calls.map(([bytes]) => bytes))).toBeLessThan(100);
  } finally {
    asked.mockRestore();
  }
  // As one that grows between the look and the read: the kernel says 0 bytes of these.
  const grown = readFileSync("/proc/self/environ");
  expect(grown.length).toBeGreaterThan(100);
  expect(platform.files.readNow("/proc/self/environ", 1024 * 1024)).toMatchObject({ bytes: grown, stat: { bytes: 0 } });
  expect(platform.files.readNow("/proc/self/environ", 77)?.bytes).toEqual(grown.subarray(0, 77));
});

test("failpoints: unarmed names do nothing, error throws like a disk, an unknown action is refused", async () => {
  const failpoint = failpointsFrom("a=error");
  await failpoint("b");
  await expect(failpoint("a")).rejects.toMatchObject({ code: "EIO" });
  expect(() => failpointsFrom("a=explode")).toThrow(/a=explode/);
});
