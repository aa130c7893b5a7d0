import { join } from "node:path";
import { makeFolders, removeTree } from "../../platform/files.ts";
import { ioError } from "../../platform/io-error.ts";
import type { OpenFile } from "../../platform/port.ts";
import type { ReleaseStore } from "../store.ts";

/** A private folder in which one release comes to be. */
export interface BuildFolder {
  /** Random; the build's name until it has a release id, and in quarantine. */
  readonly id: string;
  readonly folder: string;
  /** Stem of the data file. */
  readonly basename: string;
  /** Where the data file is to be written; its name is constant, for the engine writes it into views. */
  readonly path: string;
  /** Unlocks the folder, leaving what is in it. */
  unlock(): Promise<void>;
  /** Removes the folder and all that is in it, then unlocks. */
  discard(): Promise<void>;
}

/** Makes a build folder, with a lock of its own held while this process lives. */
export async function makeBuildFolder(store: ReleaseStore, basename: string): Promise<BuildFolder> {
  const { platform, paths } = store;
  const id = platform.random(6);
  const folder = paths.build(id);
  await makeFolders(platform, paths.folder, folder);
  const lock = await platform.files.open(join(folder, "lock"), "create").catch((error: unknown) => {
    throw ioError(error, "make", folder);
  });
  try {
    platform.locks.tryLock(lock, "exclusive");
  } catch (error) {
    await lock.close().catch(() => undefined);
    throw error;
  }
  let locked = true;
  const unlock = async () => {
    if (!locked) return;
    locked = false;
    platform.locks.unlock(lock);
    await lock.close();
  };
  return {
    id,
    folder,
    basename,
    path: join(folder, `${basename}.duckdb`),
    unlock,
    async discard() {
      try {
        await removeTree(platform, folder);
      } finally {
        await unlock();
      }
    },
  };
}

/**
 * Removes build folders that nobody holds: what a killed publisher left. Called while the build lock is held, so that no command
 * started by one still writes in them. Returns what it found, with the error where something cannot be removed: a leftover is no reason not to build.
 */
export async function sweepBuilds(store: ReleaseStore): Promise<{ readonly id: string; readonly error?: unknown }[]> {
  const found: { readonly id: string; readonly error?: unknown }[] = [];
  for (const id of await store.platform.files.list(store.paths.builds)) {
    try {
      if (await sweepBuild(store, store.paths.build(id))) found.push({ id });
    } catch (error) {
      found.push({ id, error });
    }
  }
  return found;
}

/** False for one that is held. */
async function sweepBuild(store: ReleaseStore, folder: string): Promise<boolean> {
  const { platform } = store;
  const lock = await openLock(store, folder);
  try {
    if (lock && !platform.locks.tryLock(lock, "exclusive")) return false;
    await removeTree(platform, folder);
    return true;
  } finally {
    await lock?.close();
  }
}

/** A folder without a lock file is one whose making was cut short. */
async function openLock(store: ReleaseStore, folder: string): Promise<OpenFile | undefined> {
  const path = join(folder, "lock");
  if ((await store.platform.files.stat(path)) === undefined) return undefined;
  return store.platform.files.open(path, "update");
}
