import type { FileStat, FileSystem, OpenFile, OpenMode } from "../../../src/platform/port.ts";
import { systemError } from "./disk.ts";
import { holdersOf } from "./locks.ts";
import type { ModelProcess } from "./machine.ts";
import { statOf, type DiskNode } from "./node.ts";

/** The file system of a modelled process. Every call that a real process makes through the kernel passes the machine's gate first. */
export function modelFiles(process: ModelProcess): FileSystem {
  const { disk } = process.machine;
  return {
    transientRenameErrors: [],
    async open(path, mode, permissions = 0o644) {
      await process.step("open", path);
      return openNode(process, path, { mode, permissions });
    },
    async stat(path) {
      await process.step("stat", path);
      return statAt(process, path);
    },
    resolve: (path) => Promise.resolve(disk.find(path) && path),
    statNow: (path) => statAt(process, path),
    readNow(path, bytesMax) {
      const node = disk.find(path);
      if (!node) return undefined;
      const stat = statOf(node);
      if (node.kind !== "file" || node.content.length > bytesMax) return { bytes: undefined, stat };
      return { bytes: Buffer.from(node.content), stat };
    },
    async list(folder) {
      await process.step("list", folder);
      return [...(disk.find(folder)?.entries.keys() ?? [])].toSorted();
    },
    async makeFolder(path) {
      await process.step("makeFolder", path);
      if (statAt(process, path) === undefined) disk.make(path, "folder");
    },
    async rename(source, target) {
      await process.step("rename", target);
      disk.rename(source, target);
    },
    async removeFile(path) {
      await process.step("removeFile", path);
      if (disk.mustFind(path).kind === "folder") throw systemError("EISDIR", path);
      disk.remove(path);
    },
    async removeFolder(path) {
      await process.step("removeFolder", path);
      disk.remove(path);
    },
    async syncFolder(path) {
      await process.step("syncFolder", path);
      disk.syncFolder(disk.mustFind(path));
    },
    async link(source, target) {
      await process.step("link", target);
      disk.link(source, target);
    },
    async copy(source, target) {
      await process.step("copy", target);
      const { content } = disk.mustFind(source);
      disk.setContent(disk.make(target, "file"), content);
      return "copy";
    },
  };
}

function statAt(process: ModelProcess, path: string): FileStat | undefined {
  const node = process.machine.disk.find(path);
  return node && statOf(node);
}

function openNode(
  process: ModelProcess,
  path: string,
  { mode, permissions }: { readonly mode: OpenMode; readonly permissions: number },
): ModelFile {
  const { disk } = process.machine;
  const found = disk.find(path);
  if (mode === "read") return new ModelFile(process, path, { node: disk.mustFind(path), writable: false });
  if (found !== undefined && mode === "create") throw systemError("EEXIST", path);
  const node = found ?? disk.make(path, "file");
  if (found === undefined) node.mode = permissions;
  return new ModelFile(process, path, { node, writable: true });
}

/** A descriptor of a modelled process. */
export class ModelFile implements OpenFile {
  readonly path: string;
  readonly descriptor = -1;
  readonly node: DiskNode;
  readonly writable: boolean;
  readonly #process: ModelProcess;
  #open = true;

  constructor(process: ModelProcess, path: string, { node, writable }: { readonly node: DiskNode; readonly writable: boolean }) {
    this.path = path;
    this.node = node;
    this.writable = writable;
    this.#process = process;
    process.open.add(this);
    process.machine.disk.count(node, 1);
  }

  async stat(): Promise<FileStat> {
    await this.#process.step("fstat", this.path);
    return statOf(this.node);
  }

  async read(position: number, bytesMax: number): Promise<Buffer> {
    await this.#process.step("read", this.path);
    return Buffer.from(this.node.content.subarray(position, position + bytesMax));
  }

  async write(bytes: Uint8Array, position: number): Promise<number> {
    await this.#process.step("write", this.path);
    const { content } = this.node;
    const whole = Buffer.alloc(Math.max(content.length, position + bytes.length));
    content.copy(whole);
    whole.set(bytes, position);
    this.#process.machine.disk.setContent(this.node, whole, position);
    return bytes.length;
  }

  async truncate(bytes: number): Promise<void> {
    await this.#process.step("truncate", this.path);
    this.#process.machine.disk.setContent(this.node, Buffer.from(this.node.content.subarray(0, bytes)), bytes);
  }

  async sync(): Promise<void> {
    try {
      await this.#process.step("sync", this.path);
    } catch (error) {
      // The kernel gives up what it could not write: a later fsync reports success and writes nothing.
      this.node.lost = true;
      throw error;
    }
    this.#process.machine.disk.syncFile(this.node);
  }

  async setMode(mode: number): Promise<void> {
    await this.#process.step("setMode", this.path);
    this.node.mode = mode;
  }

  async setOwner(): Promise<void> {
    await this.#process.step("setOwner", this.path);
  }

  async close(): Promise<void> {
    await this.#process.step("close", this.path);
    this.drop();
  }

  /** Closes without a step: the kernel does it for a process that died. */
  drop(): void {
    if (!this.#open) return;
    this.#open = false;
    holdersOf(this.node).delete(this);
    this.#process.open.delete(this);
    this.#process.machine.disk.count(this.node, -1);
  }
}
