import { basename, dirname, join } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { hasDatabase } from "../../model/artifact.ts";
import { makeFolders, openFilesStay, removeTree, renameFile, sameInode } from "../../platform/files.ts";
import { errnoOf, ioError } from "../../platform/io-error.ts";
import type { OpenFile } from "../../platform/port.ts";
import type { ReleaseStore } from "../store.ts";

/** How often another folder is made because somebody took the one in the making for a left-over. */
const attemptsMax = 20;

/** A private folder in which one release comes to be. */
export interface BuildFolder {
  /** Random; the build's name until it has a release id, and in quarantine. */
  readonly id: string;
  readonly folder: string;
  /** Stem of the DuckDB file. */
  readonly basename: string;
  /** Where a DuckDB file is to be written; its name is constant, for the engine writes it into views. In a store whose releases have none it is scratch, which goes with the folder. */
  readonly path: string;
  /** Whether the DuckDB file is part of the release. */
  readonly hasDatabase: boolean;
  /** Unlocks the folder, leaving what is in it. */
  unlock(): Promise<void>;
  /** Removes the folder and all that is in it, then unlocks. */
  discard(): Promise<void>;
}

/** A build folder that is locked, with what unlocks it. */
export function lockedFolder(
  store: ReleaseStore,
  { id, basename: stem, unlock }: Pick<BuildFolder, "id" | "basename" | "unlock">,
): BuildFolder {
  const folder = store.paths.build(id);
  const discard = () => discardFolder(store, { folder, unlock });
  const isPart = hasDatabase(store.artifacts);
  const path = join(isPart ? folder : join(folder, scratchName), `${stem}.duckdb`);
  return { id, folder, basename: stem, path, hasDatabase: isPart, unlock, discard };
}

/** Folder for a DuckDB file that is no part of the release. */
const scratchName = ".scratch";

/** Makes the folders that a build writes its artifacts to: neither dbt nor the engine makes them (FACTS 2.13). */
async function makeArtifactFolders(store: ReleaseStore, { folder, path, hasDatabase: isPart }: BuildFolder): Promise<void> {
  const wanted = store.artifacts.flatMap((artifact) => {
    if (artifact.kind === "duckdb" || artifact.path === ".") return [];
    const parts = artifact.path.split("/");
    return [join(folder, ...(artifact.kind === "parquet" ? parts : parts.slice(0, -1)))];
  });
  for (const each of [...(isPart ? [] : [dirname(path)]), ...wanted]) await makeFolders(store.platform, folder, each);
}

/** Makes a build folder, with a lock of its own held while this process lives. */
export async function makeBuildFolder(store: ReleaseStore, stem: string): Promise<BuildFolder> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const id = store.platform.random(6);
    const lock = await makeLocked(store, store.paths.build(id));
    if (!lock) continue;
    const made = lockedFolder(store, { id, basename: stem, unlock: unlocker(store, lock) });
    try {
      await makeArtifactFolders(store, made);
      return made;
    } catch (error) {
      // What cannot be removed either is swept by whoever comes next: its lock is free.
      await made.discard().catch(() => undefined);
      throw error;
    }
  }
  throw new LockkeeperError(
    "IO_FAILED",
    `${attemptsMax} build folders in ${store.paths.builds} were removed while they were made`,
    {
      hint: "Find out what removes them: nothing else may write there.",
      subject: store.paths.builds,
    },
  );
}

/** A new folder's lock, held; `undefined` where a sweeper was there between the making and the locking. */
async function makeLocked(store: ReleaseStore, folder: string): Promise<OpenFile | undefined> {
  const { files, locks } = store.platform;
  const path = join(folder, "lock");
  await makeFolders(store.platform, store.paths.folder, folder);
  let file: OpenFile;
  try {
    file = await files.open(path, "create");
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "EEXIST") return undefined;
    throw ioError(error, "make", folder);
  }
  try {
    if (locks.tryLock(file, "exclusive") && sameInode(await file.stat(), await files.stat(path))) return file;
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
  await file.close();
  return undefined;
}

/** Unlocks once and closes. */
export function unlocker(store: ReleaseStore, lock: OpenFile): () => Promise<void> {
  let locked = true;
  return async () => {
    if (!locked) return;
    locked = false;
    store.platform.locks.unlock(lock);
    await lock.close();
  };
}

/**
 * Removes a build folder, durably: out of its place first, by one rename, so that nobody can find a part of it and lock what is left.
 */
export async function discardFolder(
  store: ReleaseStore,
  { folder, unlock }: { readonly folder: string; readonly unlock: () => Promise<void> },
): Promise<void> {
  const { platform, paths } = store;
  try {
    if ((await platform.files.stat(folder)) === undefined) return;
    const trash = join(paths.trash, `${platform.random(6)}-${basename(folder)}`);
    if (openFilesStay(platform)) await unlock();
    await renameFile(platform, folder, trash);
    // A power cut brings back neither a build that is a release or was aborted, nor one that has lost files meanwhile.
    await platform.files.syncFolder(dirname(folder));
    await platform.failpoint("build.discarded");
    await removeTree(platform, trash);
  } finally {
    await unlock();
  }
}
