import { dirname, join } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { makeFolders, makeInnerFolders, removeTree, renameFile } from "../../platform/files.ts";
import { ioError } from "../../platform/io-error.ts";
import type { FileStat } from "../../platform/port.ts";
import { listTree } from "../../platform/tree.ts";
import { builtPlace } from "../build/places.ts";
import type { SealedBuild, SealedFile } from "../build/seal.ts";
import type { ReleaseStore } from "../store.ts";
import { shareWithActive } from "./share.ts";

/** Files of a release are never edited. A fence against accidents: integrity is their sha256. */
const dataMode = 0o444;

/** The folder in a build's folder that becomes the release's, by one rename. */
export function stagingFolder(buildFolder: string): string {
  return join(buildFolder, ".release");
}

/**
 * Moves the sealed files, and nothing else, into a folder that is ready to be a release's: read-only, durable, with hard links to files of the active release that have the same bytes. Throws
 * `BUILD_UNFINISHED` for a file that changed after it was hashed.
 */
export async function stage(store: ReleaseStore, build: SealedBuild): Promise<void> {
  const { platform } = store;
  const staging = stagingFolder(build.folder);
  const folders = new Set<string>([staging]);
  await makeInnerFolders(platform, build.folder, staging);
  for (const file of [...build.files, ...(build.dbt?.files ?? [])]) {
    const target = join(staging, ...file.name.split("/"));
    for (let folder = dirname(target); !folders.has(folder); folder = dirname(folder)) folders.add(folder);
    await makeInnerFolders(platform, staging, dirname(target));
    await moveIn(store, build, { file, target });
  }
  await platform.failpoint("stage.moved");
  await shareWithActive(store, build, staging);
  // The innermost first: what a folder names is then durable before the folder's own name is.
  for (const folder of [...folders].toSorted((left, right) => right.length - left.length))
    await platform.files.syncFolder(folder);
  await platform.failpoint("stage.done");
}

async function moveIn(
  store: ReleaseStore,
  build: SealedBuild,
  { file, target }: { readonly file: SealedFile; readonly target: string },
): Promise<void> {
  const { files } = store.platform;
  const source = join(build.folder, ...file.source.split("/"));
  if (!isUnchanged(await files.stat(source), file.stat)) throw changed(source);
  await renameFile(store.platform, source, target);
  await setMode(store, { path: target, build, name: file.name }, dataMode);
}

/** Through the descriptor that is open on a database anyway: closing another one would drop locks that this process may hold on it (FACTS 1.3). */
async function setMode(
  store: ReleaseStore,
  { path, build, name }: { readonly path: string; readonly build: SealedBuild; readonly name: string },
  mode: number,
): Promise<void> {
  if (build.database?.name === name) return build.database.file.setMode(mode);
  const file = await store.platform.files.open(path, "read").catch((error: unknown) => {
    throw ioError(error, "open", path);
  });
  try {
    await file.setMode(mode);
  } finally {
    await file.close();
  }
}

/**
 * Gives a build back what was staged and did not become a release: its files lie where the build wrote them, and it may write them again. Does nothing where nothing is staged; what a crash cut
 * off is done to its end.
 */
export async function unstage(store: ReleaseStore, buildFolder: string): Promise<void> {
  const { platform } = store;
  const staging = stagingFolder(buildFolder);
  if ((await platform.files.stat(staging)) === undefined) return;
  await removeTree(platform, join(staging, "release.json"));
  await giveBack(store, staging, buildFolder);
  await platform.failpoint("stage.undone");
  await removeTree(platform, staging);
}

/** Each file lies again where the build wrote it, durably. */
async function giveBack(store: ReleaseStore, staging: string, buildFolder: string): Promise<void> {
  const { platform } = store;
  const placeOf = builtPlace(store, buildFolder);
  const folders = new Set<string>([buildFolder]);
  for (const { path, stat } of await listTree(platform, staging)) {
    const from = join(staging, ...path.split("/"));
    const to = join(buildFolder, ...placeOf(path).split("/"));
    for (let folder = dirname(to); !folders.has(folder); folder = dirname(folder)) folders.add(folder);
    await makeFolders(platform, buildFolder, dirname(to));
    if ((await platform.files.stat(to)) === undefined) await giveFileBack(store, { from, to, shared: stat.links > 1 });
  }
  for (const folder of folders) await platform.files.syncFolder(folder);
}

/** A file that another release has, too, is never given to whoever may write to it. */
async function giveFileBack(
  store: ReleaseStore,
  { from, to, shared }: { readonly from: string; readonly to: string; readonly shared: boolean },
): Promise<void> {
  if (shared) await store.platform.files.copy(from, to);
  else await renameFile(store.platform, from, to);
  const file = await store.platform.files.open(to, "read");
  try {
    await file.setMode(0o644);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Whether a file is the one that was sealed, with every byte as it was: whoever writes to it changes its times. */
export function isUnchanged(now: FileStat | undefined, sealed: FileStat): boolean {
  return (
    now?.kind === "file" &&
    now.device === sealed.device &&
    now.inode === sealed.inode &&
    now.bytes === sealed.bytes &&
    now.modifiedNs === sealed.modifiedNs &&
    now.changedNs === sealed.changedNs
  );
}

/** The error for a file that something writes to while the build is made a release. */
export function changed(path: string): LockkeeperError {
  return new LockkeeperError("BUILD_UNFINISHED", `${path} changed after it was sealed`, {
    hint: "Something that the build started still writes there: wait for it before the build ends.",
    subject: path,
  });
}
