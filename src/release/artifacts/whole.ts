import { basename, join } from "node:path";
import type { ReleaseFile, ReleaseRecord } from "../../model/release-record.ts";
import type { ReleaseStore } from "../store.ts";

/**
 * What differs between a release's files and its record, in words; `undefined` where every byte is as it was sealed. Sizes are compared first: hashing takes a second a gigabyte. Throws
 * `INTERRUPTED`, `IO_FAILED`.
 */
export async function differenceFromRecord(
  store: ReleaseStore,
  { files }: Pick<ReleaseRecord, "files">,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const paths = files.map(({ path }) => join(store.paths.folder, ...path.split("/")));
  for (const [index, path] of paths.entries()) {
    const what = await sizeDifference(store, path, files[index]);
    if (what !== undefined) return what;
  }
  const digests = await store.engine.digest(paths, signal);
  const index = digests.findIndex(({ sha256 }, at) => sha256 !== files[at]?.sha256);
  return index === -1 ? undefined : `${basename(paths[index] ?? "")} is not the file that was sealed`;
}

async function sizeDifference(store: ReleaseStore, path: string, sealed: ReleaseFile | undefined): Promise<string | undefined> {
  const stat = await store.platform.files.stat(path);
  if (stat === undefined) return `${basename(path)} is missing`;
  if (stat.kind !== "file") return `${basename(path)} is not a regular file (${stat.kind})`;
  // The engine would replay it into what readers see (FACTS 2.6).
  if ((await store.platform.files.stat(`${path}.wal`)) !== undefined)
    return `${basename(path)} has a write-ahead log, so another program has written to it`;
  return stat.bytes === sealed?.bytes
    ? undefined
    : `${basename(path)} is not the file that was sealed: it has ${stat.bytes} bytes`;
}
