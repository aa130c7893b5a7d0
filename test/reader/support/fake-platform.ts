import { basename, dirname } from "node:path";
import type { FileStat, OpenFile, Platform } from "../../../src/platform/port.ts";
import { FakeClock } from "./fake-clock.ts";

interface FakeFile {
  kind: FileStat["kind"];
  bytes: Buffer;
  readonly inode: bigint;
  changedNs: bigint;
  modifiedNs: bigint;
}

/** How coarse the file system's clock is: one tick of a kernel with 100 Hz. */
const tickMs = 10;

/** The part of a platform that a reader touches, in memory, with a clock that tests move. */
export class FakePlatform {
  readonly clock = new FakeClock();
  readonly #files = new Map<string, FakeFile>();
  readonly #shared = new Map<bigint, Set<OpenFile>>();
  readonly #links = new Map<string, string>();
  readonly #exclusive = new Set<bigint>();
  #nextInode = 100n;
  /** Descriptors that are open. */
  openFiles = 0;
  /** How often a file was read whole. */
  reads = 0;
  network = false;
  /** Paths that were opened, in order. */
  readonly opened: string[] = [];
  /** Called in place of the lock addon, when set. */
  lockFails: Error | undefined;

  /** Writes in place, or makes the file. */
  write(path: string, content: string | Buffer): void {
    const old = this.#files.get(path);
    const now = this.#timeNs();
    const file = {
      kind: "file" as const,
      bytes: Buffer.from(content),
      inode: old?.inode ?? this.#nextInode++,
      changedNs: now,
      modifiedNs: now,
    };
    this.#files.set(path, file);
  }

  /** Writes a new file over the path, as a rename does. */
  replace(path: string, content: string | Buffer): void {
    this.#files.delete(path);
    this.write(path, content);
  }

  make(path: string, kind: FileStat["kind"]): void {
    this.write(path, "");
    const file = this.#files.get(path);
    if (file !== undefined) file.kind = kind;
  }

  /** A symbolic link. */
  link(path: string, target: string): void {
    this.make(path, "symlink");
    this.#links.set(path, target);
  }

  remove(path: string): void {
    this.#files.delete(path);
  }

  text(path: string): string | undefined {
    return this.#files.get(path)?.bytes.toString();
  }

  /** As prune does: nobody can take a shared lock on it. */
  lockExclusively(path: string): void {
    const file = this.#files.get(path);
    if (file !== undefined) this.#exclusive.add(file.inode);
  }

  /** Shared locks on a path. */
  sharedLocks(path: string): number {
    const file = this.#files.get(path);
    return file === undefined ? 0 : (this.#shared.get(file.inode)?.size ?? 0);
  }

  statNow(path: string): FileStat | undefined {
    const file = this.#files.get(path);
    return file === undefined ? undefined : statOf(file);
  }

  /** This platform as the port. What a reader has no use for is not there, and would throw. */
  port(): Platform {
    const files = {
      open: (path: string) => this.#open(path),
      stat: (path: string) => Promise.resolve(this.statNow(path)),
      resolve: (path: string) => Promise.resolve(this.#resolve(path)),
      statNow: (path: string) => this.statNow(path),
      readNow: (path: string, bytesMax: number) => this.#readNow(path, bytesMax),
      list: (folder: string) => {
        const names = [...this.#files.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path));
        return Promise.resolve(names.toSorted());
      },
    };
    const locks = { tryLock: (file: OpenFile) => this.#tryLock(file) };
    const disk = { kind: () => Promise.resolve({ name: "fake", network: this.network }) };
    return { files, locks, disk, clock: this.clock } as unknown as Platform;
  }

  #readNow(path: string, bytesMax: number): { bytes: Buffer | undefined; stat: FileStat } | undefined {
    const file = this.#files.get(path);
    if (file === undefined) return undefined;
    this.reads += 1;
    const readable = file.kind === "file" && file.bytes.length <= bytesMax;
    return { bytes: readable ? Buffer.from(file.bytes) : undefined, stat: statOf(file) };
  }

  #resolve(path: string): string | undefined {
    const target = this.#files.get(path)?.kind === "symlink" ? this.#links.get(path) : path;
    return target !== undefined && this.#files.has(target) ? target : undefined;
  }

  async #open(path: string): Promise<OpenFile> {
    const file = this.#files.get(path);
    if (file === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
    this.openFiles += 1;
    this.opened.push(path);
    const handle = {
      path,
      stat: () => Promise.resolve(statOf(file)),
      close: () => {
        this.openFiles -= 1;
        this.#shared.get(file.inode)?.delete(handle);
        return Promise.resolve();
      },
      inode: file.inode,
    } as unknown as OpenFile;
    return handle;
  }

  #tryLock(file: OpenFile): boolean {
    if (this.lockFails !== undefined) throw this.lockFails;
    const { inode } = file as unknown as { inode: bigint };
    if (this.#exclusive.has(inode)) return false;
    this.#shared.set(inode, (this.#shared.get(inode) ?? new Set()).add(file));
    return true;
  }

  #timeNs(): bigint {
    const ms = this.clock.now().getTime();
    return BigInt(ms - (ms % tickMs)) * 1_000_000n;
  }
}

function statOf(file: FakeFile): FileStat {
  const { kind, inode, changedNs, modifiedNs } = file;
  return { kind, device: 1n, inode, bytes: file.bytes.length, mode: 0o644, owner: 0, group: 0, links: 1, changedNs, modifiedNs };
}
