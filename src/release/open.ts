import { dirname, resolve } from "node:path";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { defaultArtifacts, type Artifact } from "../model/artifact.ts";
import type { Check } from "../model/check.ts";
import { storePaths } from "../model/layout.ts";
import { assertBasename, idPattern } from "../model/names.ts";
import { makeFolders, makeInnerFolders, syncUpwards } from "../platform/files.ts";
import type { Platform } from "../platform/port.ts";
import type { ReleaseEngine, SqliteTools } from "./engine.ts";
import type { ReleaseStore } from "./store.ts";

/** A release store's settings. */
export interface ReleaseStoreOptions {
  readonly name: string;
  /** Folder of the store; made by the first publish. */
  readonly dir: string;
  readonly layout: ReleaseStore["layout"];
  readonly basename?: string | undefined;
  /** What a release holds. Default: one DuckDB file. */
  readonly artifacts?: readonly Artifact[] | undefined;
  readonly checks?: readonly Check[] | undefined;
  /** Releases kept by layout `releases`. Default 5, whatever their age. */
  readonly retention?: { readonly keep?: number | undefined; readonly withinMs?: number | undefined } | undefined;
  /** Layout `slots`: `2x` removes the inactive slot before each build. Default `3x`. */
  readonly space?: "2x" | "3x" | undefined;
  /** Refused and failed builds kept for a look. Default 3. */
  readonly quarantineKeep?: number | undefined;
}

/** A store to operate on. Touches nothing on disk. Throws `CONFIG_INVALID` for a name or basename that cannot be used. */
export function openReleaseStore(
  options: ReleaseStoreOptions,
  tools: { readonly platform: Platform; readonly engine: ReleaseEngine; readonly sqlite: SqliteTools },
): ReleaseStore {
  if (!idPattern.test(options.name)) {
    throw new LockkeeperError("CONFIG_INVALID", `store name "${options.name}" cannot be used`, {
      hint: 'Use lower-case letters, digits, "_" and "-", 64 at most.',
      subject: options.name,
    });
  }
  if (options.basename !== undefined) assertBasename(options.basename);
  return {
    name: options.name,
    layout: options.layout,
    paths: storePaths(resolve(options.dir)),
    basename: options.basename,
    artifacts: options.artifacts ?? defaultArtifacts,
    checks: options.checks ?? [],
    retention: { keep: options.retention?.keep ?? 5, withinMs: options.retention?.withinMs ?? 0 },
    space: options.space ?? "3x",
    quarantineKeep: options.quarantineKeep ?? 3,
    ...tools,
  };
}

/**
 * Makes the store's folders where they are missing, and those that are there durable: a process that was killed may have made them a moment ago, in the cache
 * only. Refuses a network file system: kernel locks cannot be trusted there.
 */
export async function prepareFolders(store: ReleaseStore): Promise<void> {
  const { platform, paths } = store;
  const root = await nearestFolder(store, paths.folder);
  const { name, network } = await platform.disk.kind(root);
  if (network) {
    throw new LockkeeperError("FILE_SYSTEM_UNSUPPORTED", `${paths.folder} lies on a network file system (${name})`, {
      hint: "Publish on a local disk; readers may follow over the network with `allowNetworkFs`.",
      subject: paths.folder,
    });
  }
  await makeFolders(platform, root, paths.folder);
  for (const folder of ownFolders(store)) await makeInnerFolders(platform, paths.folder, folder);
  await syncUpwards(platform, (await platform.files.resolve(paths.own)) ?? paths.own);
}

/** The folders that every store has inside its own. */
export function ownFolders({ paths }: Pick<ReleaseStore, "paths">): string[] {
  return [paths.records, paths.pins, paths.builds, paths.quarantine, paths.trash];
}

/** The path itself where a folder, or a link, lies there, else the nearest above where one does. Throws `CONFIG_INVALID` where something else lies there. */
export async function nearestFolder(store: ReleaseStore, path: string): Promise<string> {
  const stat = await store.platform.files.stat(path);
  if (stat !== undefined && stat.kind !== "symlink" && stat.kind !== "folder") {
    throw new LockkeeperError("CONFIG_INVALID", `${path} is not a folder`, {
      hint: "Name a folder there.",
      subject: path,
    });
  }
  if (stat !== undefined || dirname(path) === path) return path;
  return nearestFolder(store, dirname(path));
}
