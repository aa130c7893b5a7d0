import { dirname, join } from "node:path";
import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { ReleaseFile } from "../../model/release-record.ts";
import { renameFile } from "../../platform/files.ts";
import { errnoOf } from "../../platform/io-error.ts";
import type { SealedBuild } from "../build/seal.ts";
import { digestFile } from "../build/digest.ts";
import { lookAtManifest } from "../manifest-file.ts";
import { recordOf } from "../records.ts";
import type { ReleaseStore } from "../store.ts";

/** What a file system says where it makes no more names for a file, or none from here; the build's own file serves as well. `ENOENT`: the release was pruned. */
const unlinkable: ReadonlySet<string> = new Set([
  "EXDEV",
  "EPERM",
  "EMLINK",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EACCES",
  "ENOENT",
]);

/**
 * Puts hard links to files of the active release in place of staged files with the same bytes, so that a release costs what changed. Both are hashed: the build's when it was sealed, the
 * other's now, for a record tells only what it once was. Nobody writes to a file of a release, so a link to one is safe; the build's own file, which something may still have open, goes.
 */
export async function shareWithActive(store: ReleaseStore, build: SealedBuild, staging: string): Promise<void> {
  const known = await activeFiles(store);
  if (known.size === 0) return;
  for (const file of build.files) {
    const same = file.name === build.database?.name || file.bytes === 0 ? undefined : known.get(keyOf(file));
    if (same === undefined) continue;
    const source = join(store.paths.folder, ...same.path.split("/"));
    if (await isStillSealed(store, source, same)) await linkOver(store, source, join(staging, ...file.name.split("/")));
  }
}

async function linkOver(store: ReleaseStore, source: string, target: string): Promise<void> {
  const temporary = join(dirname(target), `.${store.platform.random(6)}.link`);
  try {
    await store.platform.files.link(source, temporary);
  } catch (error) {
    if (unlinkable.has(errnoOf(error) ?? "")) return;
    throw error;
  }
  await renameFile(store.platform, temporary, target);
}

/** The files of the active release by size and sha256; none where it is another program's, or its record cannot be read. */
async function activeFiles(store: ReleaseStore): Promise<ReadonlyMap<string, ReleaseFile>> {
  const own = (await lookAtManifest(store))?.manifest.own;
  if (own === undefined) return new Map();
  try {
    const { record } = recordOf(store, own);
    return new Map(record.layout === "releases" ? record.files.map((file) => [keyOf(file), file]) : []);
  } catch (error) {
    if (isLockkeeperError(error, "RECORD_INVALID", "FORMAT_UNSUPPORTED")) return new Map();
    throw error;
  }
}

/** A release that is damaged hands its damage to no other. */
async function isStillSealed(store: ReleaseStore, path: string, sealed: ReleaseFile): Promise<boolean> {
  try {
    const { digest, stat } = await digestFile(store, path);
    return digest.sha256 === sealed.sha256 && (stat.mode & 0o222) === 0;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || isLockkeeperError(error, "FILE_MISSING")) return false;
    throw error;
  }
}

function keyOf({ bytes, sha256 }: Pick<ReleaseFile, "bytes" | "sha256">): string {
  return `${bytes} ${sha256}`;
}
