import { sep } from "node:path";
import { nodePlatform } from "../../../src/platform/node.ts";
import type { Clock, FileSystem, OpenFile, Platform } from "../../../src/platform/port.ts";

/** What Windows does to a call: the error code it fails with, or nothing. */
export type Busy = (operation: "rename" | "remove", path: string) => string | undefined;

/** The behaviour of Windows behind the platform port. */
export interface Windows {
  readonly platform: Platform;
  /** Folders whose entries were to be synced; nothing is done there. */
  readonly foldersSynced: () => number;
  /** Milliseconds that the injected clock has waited. */
  readonly waitedMs: () => number;
  /** Renames that were tried, by target. */
  readonly renames: readonly string[];
}

class WindowsFile implements OpenFile {
  readonly path: string;
  readonly inner: OpenFile;
  /** Lock handles are not inherited. */
  readonly descriptor = -1;
  readonly #forget: () => void;

  constructor(inner: OpenFile, forget: () => void) {
    this.inner = inner;
    this.path = inner.path;
    this.#forget = forget;
  }

  stat = () => this.inner.stat();
  read = (position: number, bytesMax: number) => this.inner.read(position, bytesMax);
  write = (bytes: Uint8Array, position: number) => this.inner.write(bytes, position);
  truncate = (bytes: number) => this.inner.truncate(bytes);
  sync = () => this.inner.sync();
  setMode = async () => undefined;
  setOwner = async () => undefined;
  async close() {
    this.#forget();
    await this.inner.close();
  }
}

/**
 * This machine's platform with the ways of Windows: a file that is open, by us too, cannot be replaced, a folder with one in it not moved; folders are not
 * synced; descriptors are not inherited; modes and owners mean nothing; the kernel lists no locks; blocks are not shared. `busy` says what
 * other programs have open. Its clock waits without waiting.
 */
export function windowsPlatform(busy: Busy = () => undefined): Windows {
  const real = nodePlatform();
  const open = new Map<WindowsFile, string>();
  const renames: string[] = [];
  let foldersSynced = 0;
  let waitedMs = 0;
  const fail = (code: string | undefined, path: string) => {
    if (code !== undefined) throw Object.assign(new Error(`${code}: operation not permitted, '${path}'`), { code });
  };
  const isOpen = (path: string) => [...open.values()].includes(path);
  const files: FileSystem = {
    ...real.files,
    transientRenameErrors: ["EPERM", "EBUSY", "EACCES"],
    async open(path, mode, permissions) {
      const file: WindowsFile = new WindowsFile(await real.files.open(path, mode, permissions), () => open.delete(file));
      open.set(file, path);
      return file;
    },
    async rename(source, target) {
      renames.push(target);
      const inside = [...open.values()].some((path) => path.startsWith(source + sep));
      if (isOpen(target) || inside) fail("EPERM", target);
      fail(busy("rename", target), target);
      await real.files.rename(source, target);
      for (const [file, path] of open) if (path === source) open.set(file, target);
    },
    async removeFile(path) {
      fail(busy("remove", path), path);
      await real.files.removeFile(path);
    },
    async syncFolder() {
      foldersSynced += 1;
    },
    copy: async (source, target) => {
      await real.files.copy(source, target);
      return "copy";
    },
  };
  const innerOf = (file: OpenFile) => (file instanceof WindowsFile ? file.inner : file);
  const clock: Clock = {
    ...real.clock,
    monotonicMs: () => real.clock.monotonicMs() + waitedMs,
    async wait(ms, options) {
      if (options?.idle) return real.clock.wait(ms, options);
      waitedMs += ms;
      return real.clock.wait(0, options);
    },
  };
  const platform: Platform = {
    ...real,
    files,
    clock,
    locks: {
      tryLock: (file, mode, range) => real.locks.tryLock(innerOf(file), mode, range),
      unlock: (file, range) => real.locks.unlock(innerOf(file), range),
      count: async () => undefined,
      holders: async () => undefined,
    },
    processes: { ...real.processes, self: () => ({ ...real.processes.self(), bootId: "unknown" }) },
  };
  return { platform, foldersSynced: () => foldersSynced, waitedMs: () => waitedMs, renames };
}
