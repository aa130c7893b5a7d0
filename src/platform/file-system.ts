import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type BigIntStats } from "node:fs";
import {
  chmod,
  copyFile,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rmdir,
  unlink,
  type FileHandle,
} from "node:fs/promises";
import { errnoOf } from "./io-error.ts";
import type { FileStat, FileSystem, OpenFile, OpenMode } from "./port.ts";

const windows = process.platform === "win32";
const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = constants;
// Neither flag exists on Windows, which has neither FIFOs nor links in this sense.
const O_NOFOLLOW = windows ? 0 : constants.O_NOFOLLOW;
const O_NONBLOCK = windows ? 0 : constants.O_NONBLOCK;

/** The file system of this machine. */
export const nodeFileSystem: FileSystem = {
  transientRenameErrors: windows ? ["EPERM", "EBUSY", "EACCES"] : [],
  open: openFile,
  async stat(path) {
    return undefinedIfMissing(async () => toStat(await lstat(path, { bigint: true })));
  },
  resolve: (path) => undefinedIfMissing(() => realpath(path)),
  statNow(path) {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats && toStat(stats);
  },
  readNow,
  async list(folder) {
    return (await undefinedIfMissing(async () => (await readdir(folder)).toSorted())) ?? [];
  },
  async makeFolder(path, permissions) {
    try {
      await mkdir(path);
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return;
      throw error;
    }
    if (permissions !== undefined && !windows) await chmod(path, permissions);
  },
  rename,
  removeFile: unlink,
  removeFolder: rmdir,
  async syncFolder(path) {
    if (windows) return;
    const handle = await open(path, O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  link,
  async copy(source, target) {
    try {
      await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
      return "reflink";
    } catch (error) {
      if (errnoOf(error) === "EEXIST" || errnoOf(error) === "ENOENT") throw error;
      await unlink(target).catch(() => undefined);
      await copyFile(source, target, constants.COPYFILE_EXCL);
      return "copy";
    }
  },
};

async function openFile(path: string, mode: OpenMode, permissions = 0o644): Promise<OpenFile> {
  if (mode === "read") return new NodeFile(path, await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), { readOnly: true });
  try {
    const handle = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, permissions);
    // The umask has no say in what another user's reader must be able to open.
    if (!windows) await handle.chmod(permissions);
    return new NodeFile(path, handle);
  } catch (error) {
    if (mode === "create" || errnoOf(error) !== "EEXIST") throw error;
    return new NodeFile(path, await open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK));
  }
}

class NodeFile implements OpenFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #readOnly: boolean;

  constructor(path: string, handle: FileHandle, { readOnly = false } = {}) {
    this.path = path;
    this.#handle = handle;
    this.#readOnly = readOnly;
  }

  get descriptor(): number {
    return this.#handle.fd;
  }

  async stat(): Promise<FileStat> {
    return toStat(await this.#handle.stat({ bigint: true }));
  }

  async read(position: number, bytesMax: number): Promise<Buffer> {
    const buffer = Buffer.alloc(bytesMax);
    let done = 0;
    while (done < bytesMax) {
      const { bytesRead } = await this.#handle.read(buffer, done, bytesMax - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return buffer.subarray(0, done);
  }

  async write(bytes: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.write(bytes, 0, bytes.length, position)).bytesWritten;
  }

  async truncate(bytes: number): Promise<void> {
    await this.#handle.truncate(bytes);
  }

  async sync(): Promise<void> {
    if (!windows || !this.#readOnly) return this.#handle.sync();
    // Windows refuses to flush through a descriptor that cannot write (EPERM); its locks do not go with the close of another one.
    const writable = await open(this.path, O_RDWR);
    try {
      await writable.sync();
    } finally {
      await writable.close();
    }
  }

  async setMode(mode: number): Promise<void> {
    if (!windows) await this.#handle.chmod(mode);
  }

  async setOwner(owner: number, group: number): Promise<void> {
    if (!windows) await this.#handle.chown(owner, group);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function readNow(path: string, bytesMax: number): { readonly bytes: Buffer | undefined; readonly stat: FileStat } | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT") return undefined;
    // A link (ELOOP) or a socket (ENXIO) cannot be opened this way; the caller is told what lies there instead.
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats && !stats.isFile()) return { bytes: undefined, stat: toStat(stats) };
    throw error;
  }
  try {
    const stat = toStat(fstatSync(descriptor, { bigint: true }));
    if (stat.kind !== "file" || stat.bytes > bytesMax) return { bytes: undefined, stat };
    return { bytes: readAll(descriptor, { expected: stat.bytes, bytesMax }), stat };
  } finally {
    closeSync(descriptor);
  }
}

/** Reads to the end, not to the size of the stat: a file that grows meanwhile is read as far as `bytesMax`. */
function readAll(descriptor: number, { expected, bytesMax }: { readonly expected: number; readonly bytesMax: number }): Buffer {
  // Not a buffer of `bytesMax`: a list reads a thousand small files whose bound is 64 MiB. The byte more is where the end shows.
  let buffer = Buffer.allocUnsafe(Math.min(expected + 1, bytesMax));
  let done = 0;
  while (done < bytesMax) {
    if (done === buffer.length) buffer = Buffer.concat([buffer], Math.min(2 * buffer.length, bytesMax));
    const count = readSync(descriptor, buffer, done, buffer.length - done, done);
    if (count === 0) break;
    done += count;
    // Fewer than asked for, behind the end that `fstat` told: a second read would say so, too, and of a small file cost as much as the first.
    if (done >= expected && done < buffer.length) break;
  }
  return buffer.subarray(0, done);
}

function toStat(stats: BigIntStats): FileStat {
  return {
    kind: kindOf(stats),
    device: stats.dev,
    inode: stats.ino,
    bytes: Number(stats.size),
    mode: Number(stats.mode & 0o7777n),
    owner: Number(stats.uid),
    group: Number(stats.gid),
    links: Number(stats.nlink),
    modifiedNs: stats.mtimeNs,
    changedNs: stats.ctimeNs,
  };
}

function kindOf(stats: BigIntStats): FileStat["kind"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "folder";
  return stats.isSymbolicLink() ? "symlink" : "other";
}

async function undefinedIfMissing<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
