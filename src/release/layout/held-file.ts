import { basename as nameOf } from "node:path";
import { isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { lockAgainstWriters } from "../build/seal.ts";
import type { StoredRecord } from "../records.ts";
import type { ReleaseStore } from "../store.ts";

/** Keeps writers out of a file while it is hashed: a rollback must find the very bytes that once passed the checks. Throws `RELEASE_UNKNOWN`, `SLOT_BUSY`. */
export async function holdUnwritten(store: ReleaseStore, path: string, wanted: string): Promise<() => Promise<void>> {
  const stat = await store.platform.files.stat(path);
  if (stat?.kind !== "file") {
    const what = stat === undefined ? "is missing" : `is not a regular file (${stat.kind})`;
    throw unknownRelease(store, wanted, `${nameOf(path)} ${what}`);
  }
  if ((await store.platform.files.stat(`${path}.wal`)) !== undefined) {
    throw unknownRelease(store, wanted, `${nameOf(path)} has a write-ahead log, so another program has written to it`);
  }
  return keepWritersOut(store, path);
}

/** Keeps DuckDB writers out of a file. Throws `SLOT_BUSY`. */
export async function keepWritersOut(store: ReleaseStore, path: string): Promise<() => Promise<void>> {
  try {
    return (await lockAgainstWriters(store, path)).release;
  } catch (error) {
    throw isLockkeeperError(error, "BUILD_UNFINISHED") ? slotBusy(path) : error;
  }
}

function slotBusy(path: string): LockkeeperError {
  return new LockkeeperError("SLOT_BUSY", `another program has ${path} open for writing`, {
    hint: "Let it finish. A program that builds the inactive slot itself must hold `.writer.lock`; see docs/format.md.",
    subject: path,
  });
}

/** The records, of those given, of the very bytes at `path`. A file of a size that none has is not hashed: that takes a second a gigabyte. */
export async function recordsOfFile(
  store: ReleaseStore,
  path: string,
  { among, signal }: { readonly among: readonly StoredRecord[]; readonly signal?: AbortSignal | undefined },
): Promise<StoredRecord[]> {
  const stat = await store.platform.files.stat(path);
  const sized = stat?.kind === "file" ? among.filter(({ record }) => record.files[0]?.bytes === stat.bytes) : [];
  if (sized.length === 0) return [];
  const [digest] = await store.engine.digest([path], signal);
  if (!digest) throw new LockkeeperError("BUG", `no digest of ${path}`);
  return sized.filter(({ record }) => record.files[0]?.sha256 === digest.sha256);
}

/** The error for a release that cannot be gone back to. */
export function unknownRelease(store: ReleaseStore, wanted: string, why: string): LockkeeperError {
  return new LockkeeperError("RELEASE_UNKNOWN", `${store.name} cannot go back to ${wanted}: ${why}`, {
    hint: "Publish again to bring other data out.",
    subject: wanted,
  });
}
