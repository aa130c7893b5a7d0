import { basename, dirname, join } from "node:path";
import { isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";
import { errnoOf, ioError } from "./io-error.ts";
import type { FileStat, OpenFile, Platform } from "./port.ts";

/** How long a rename is tried again where a file in use makes it fail for a while (Windows). */
export const renameWaitMs = 10_000;

const renamePauseMs = 50;

/** A file to write whole. */
export interface NewFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Prefix of the failpoints between the steps: `<name>.written`, `.synced`, `.renamed`, `.done`. */
  readonly failpoint: string;
  /** Permission bits of the new file. Default 0o644. */
  readonly permissions?: number;
}

/**
 * Replaces a file, or makes it, so that after any crash the path holds the old bytes or the new ones, whole; when it
 * returns, the new ones survive a power cut. Temporary file in the same folder → write until every byte is out → length
 * check → fsync → rename → fsync of the folder. Throws `DISK_FULL`, `PERMISSION_DENIED`, … with the old file in place.
 */
export async function replaceFile(platform: Platform, file: NewFile): Promise<void> {
  const { path, failpoint } = file;
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${platform.random(6)}.tmp`);
  try {
    await writeNewFile(platform, { ...file, path: temporary });
    await renameFile(platform, temporary, path);
    await platform.failpoint(`${failpoint}.renamed`);
    await platform.files.syncFolder(folder);
    await platform.failpoint(`${failpoint}.done`);
  } catch (error) {
    await platform.files.removeFile(temporary).catch(() => undefined);
    throw ioError(error, "replace", path);
  }
}

/** Whether a file of that name is one that `replaceFile` was writing: of a process that is at it, or of one that was killed. */
export function isTemporary(name: string): boolean {
  return /^\..+\.[0-9a-f]{12}\.tmp$/.test(name);
}

/**
 * Makes a new file with `bytes`, fsynced; its folder entry is not. The name must be free.
 */
export async function writeNewFile(platform: Platform, wanted: NewFile): Promise<void> {
  const file = await platform.files.open(wanted.path, "create", wanted.permissions);
  try {
    await writeWhole(file, wanted.bytes, 0);
    await platform.failpoint(`${wanted.failpoint}.written`);
    await file.sync();
    await platform.failpoint(`${wanted.failpoint}.synced`);
  } finally {
    await file.close();
  }
}

/** Writes every byte at `position` and checks the length; a write that takes nothing is a full disk. */
export async function writeWhole(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const count = await file.write(bytes.subarray(done), position + done);
    if (count === 0) {
      throw new LockkeeperError("DISK_FULL", `${file.path} took ${done} of ${bytes.length} bytes`, {
        hint: "Free some space on this volume and try again.",
        subject: file.path,
      });
    }
    done += count;
  }
  const stat = await file.stat();
  if (stat.bytes >= position + bytes.length) return;
  throw new LockkeeperError("IO_FAILED", `${file.path} has ${stat.bytes} bytes after writing ${position + bytes.length}`, {
    hint: "Look at the system's log for the device, then try again.",
    subject: file.path,
  });
}

/**
 * Renames; where the platform says that a file in use makes it fail for a while, tries again for `renameWaitMs`, then
 * throws `SLOT_BUSY` with nothing changed. Never answered with a copy: a source on another volume is an error.
 */
export async function renameFile(platform: Platform, source: string, target: string): Promise<void> {
  const deadline = platform.clock.monotonicMs() + renameWaitMs;
  for (;;) {
    try {
      await platform.files.rename(source, target);
      return;
    } catch (error) {
      if (!platform.files.transientRenameErrors.includes(errnoOf(error) ?? "")) throw ioError(error, "rename onto", target);
      if (platform.clock.monotonicMs() >= deadline) {
        throw new LockkeeperError("SLOT_BUSY", `${target} is in use and could not be replaced within ${renameWaitMs / 1000} s`, {
          hint: "Close the programs that have the file open, then try again. Nothing was changed.",
          subject: target,
          cause: error,
        });
      }
      await platform.clock.wait(renamePauseMs);
    }
  }
}

/**
 * Whether a file that is open, by us too, cannot be replaced, nor its folder moved: so it is on Windows, which is also where renames are tried again.
 */
export function openFilesStay(platform: Platform): boolean {
  return platform.files.transientRenameErrors.length > 0;
}

/**
 * Makes what an earlier writer left durable before anything is changed: fsync of `path`, where it exists, and of its
 * folder. Without it a crash can show a new manifest that points at old bytes.
 */
export async function recoveryBarrier(platform: Platform, path: string): Promise<void> {
  try {
    const stat = await platform.files.stat(path);
    if (stat?.kind === "file") await syncFile(platform, path);
    await platform.files.syncFolder(dirname(path));
  } catch (error) {
    throw ioError(error, "fsync", path);
  }
}

/** fsync of one existing file. Never call it on a database file that this process has open: closing drops its locks. */
export async function syncFile(platform: Platform, path: string): Promise<void> {
  const file = await platform.files.open(path, "read");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes folders from `root` (which exists) down to `folder`, each entry fsynced; the umask decides who may enter them. */
export async function makeFolders(platform: Platform, root: string, folder: string): Promise<void> {
  return makeEach(platform, { root, folder });
}

/**
 * The same inside a store, whose readers may be other users: as with its files, the umask of one publisher has no say in what they must be able to enter. Who may look into a store at all is decided by the
 * mode of its own folder.
 */
export async function makeInnerFolders(platform: Platform, root: string, folder: string): Promise<void> {
  return makeEach(platform, { root, folder, permissions: 0o755 });
}

interface WantedFolder {
  readonly root: string;
  readonly folder: string;
  readonly permissions?: number;
}

async function makeEach(platform: Platform, wanted: WantedFolder): Promise<void> {
  const { root, folder, permissions } = wanted;
  if (folder === root || folder.length < root.length) return;
  await makeEach(platform, { ...wanted, folder: dirname(folder) });
  if ((await platform.files.stat(folder))?.kind === "folder") return;
  try {
    await platform.files.makeFolder(folder, permissions);
    await platform.files.syncFolder(dirname(folder));
  } catch (error) {
    throw ioError(error, "make folder", folder);
  }
}

/**
 * fsync of a folder and of those that it lies in, up to the root of its volume, so that what leads to it survives a power cut, whoever made it. Folders
 * above it that this user may not read are left out: this user made nothing in them.
 */
export async function syncUpwards(platform: Platform, folder: string): Promise<void> {
  const { files } = platform;
  try {
    await files.syncFolder(folder);
  } catch (error) {
    throw ioError(error, "fsync", folder);
  }
  const above = dirname(folder);
  const [inner, outer] = [await files.stat(folder), await files.stat(above)];
  if (above === folder || outer?.kind !== "folder" || outer.device !== inner?.device) return;
  try {
    await syncUpwards(platform, above);
  } catch (error) {
    if (!isLockkeeperError(error, "PERMISSION_DENIED")) throw error;
  }
}

/** Removes a file or a folder with all that is in it; links are removed, not followed. Missing is fine. */
export async function removeTree(platform: Platform, path: string): Promise<void> {
  const stat = await platform.files.stat(path);
  if (stat === undefined) return;
  try {
    if (stat.kind !== "folder") return await platform.files.removeFile(path);
    for (const name of await platform.files.list(path)) await removeTree(platform, join(path, name));
    await platform.files.removeFolder(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw ioError(error, "remove", path);
  }
}

/** Whether two stats are of one inode. */
export function sameInode(left: FileStat | undefined, right: FileStat | undefined): boolean {
  return left !== undefined && right !== undefined && left.device === right.device && left.inode === right.inode;
}
