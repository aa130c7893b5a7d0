import { dirname } from "node:path";
import type { BootstrapResult } from "../model/bootstrap.ts";
import { makeFolders } from "../platform/files.ts";
import { ioError } from "../platform/io-error.ts";
import { nearestFolder, ownFolders, prepareFolders } from "./open.ts";
import type { ReleaseStore } from "./store.ts";

/** A folder that is needed, and whether it was made. */
type Folder = BootstrapResult["folders"][number];

/**
 * Makes the folders of a store, and `others`, where they are missing: with the modes that a publish would give them, and durable. Publishing needs none of this; other programs may, that are given
 * the folder before the first release, read-only. Throws `CONFIG_INVALID` for something else at such a path, `FILE_SYSTEM_UNSUPPORTED` for the store, `PERMISSION_DENIED`, `DISK_FULL`.
 */
export async function bootstrapFolders(
  store: ReleaseStore,
  { others, dryRun }: { readonly others: readonly string[]; readonly dryRun: boolean },
): Promise<Folder[]> {
  const { files } = store.platform;
  const wanted = [...new Set([store.paths.folder, ...ownFolders(store), ...others])];
  const missing = new Set<string>();
  for (const path of wanted) {
    await nearestFolder(store, path);
    if ((await files.stat(path)) === undefined) missing.add(path);
  }
  if (!dryRun) {
    await prepareFolders(store);
    for (const path of wanted) await makeFolders(store.platform, await rootOf(store, path), path);
  }
  const folders: Folder[] = [];
  for (const path of wanted) folders.push({ path, created: missing.has(path), ...(await modeOf(store, path)) });
  return folders;
}

/** A link to a folder is as good as one. */
async function rootOf(store: ReleaseStore, path: string): Promise<string> {
  const nearest = await nearestFolder(store, path);
  return nearest === path ? dirname(path) : nearest;
}

async function modeOf({ platform }: ReleaseStore, path: string): Promise<{ mode?: string }> {
  try {
    const there = await platform.files.resolve(path);
    const stat = there === undefined ? undefined : await platform.files.stat(there);
    if (stat === undefined || process.platform === "win32") return {};
    return { mode: (stat.mode & 0o7777).toString(8).padStart(4, "0") };
  } catch (error) {
    throw ioError(error, "look at", path);
  }
}
