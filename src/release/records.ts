import { dirname, join, relative, sep } from "node:path";
import { LockkeeperError, isLockkeeperError } from "../errors/lockkeeper-error.ts";
import { recordReference, type LayoutKind } from "../model/layout.ts";
import { sha256Hex, type OwnManifest } from "../model/manifest.ts";
import { releaseNumber } from "../model/names.ts";
import {
  findRecord,
  recordBytesMax,
  renderRecord,
  type FoundRecord,
  type ReleaseFile,
  type ReleaseRecord,
} from "../model/release-record.ts";
import { ioError } from "../platform/io-error.ts";
import { makeFolders, replaceFile, writeNewFile } from "../platform/files.ts";
import type { FileDigest } from "./engine.ts";
import type { ReleaseStore } from "./store.ts";

/** Files of a release folder are never edited; those of a slots store lie beside files that other programs replace. */
export const recordMode: Readonly<Record<LayoutKind, number>> = { releases: 0o444, slots: 0o644 };

/** A record with the sha256 of its bytes, which the manifest names. */
export interface StoredRecord {
  readonly record: ReleaseRecord;
  readonly sha256: string;
  /** Where it lies, as the manifest says it. */
  readonly reference: string;
}

/** Writes a record, durably, and returns how the manifest refers to it. */
export async function writeRecord(
  store: ReleaseStore,
  record: Omit<ReleaseRecord, "formatVersion">,
): Promise<OwnManifest["record"]> {
  const bytes = renderRecord(record);
  const path = store.paths.record(record.release, record.layout);
  await makeFolders(store.platform, store.paths.folder, dirname(path));
  await replaceFile(store.platform, { path, bytes, failpoint: "record", permissions: recordMode[record.layout] });
  return { path: recordReference(record.release, record.layout), sha256: sha256Hex(bytes) };
}

/**
 * The record of a release; `undefined` where there is none, and for what is no release id. Throws `RECORD_INVALID`, also for one of another release or of a file
 * elsewhere, so that nobody follows it out of the store; `FORMAT_UNSUPPORTED`.
 */
export function readRecord(store: ReleaseStore, release: string): StoredRecord | undefined {
  const found = lookAtRecord(store, release);
  return found && { record: found.record, sha256: sha256Hex(found.bytes), reference: recordReference(release, found.layout) };
}

/** The same without its sha256, which who only tells what is there does not need. Throws as `readRecord` does. */
export function lookAtRecord(store: ReleaseStore, release: string): FoundRecord | undefined {
  if (releaseNumber(release) === undefined) return undefined;
  return findRecord(store.paths, release, (path) => store.platform.files.readNow(path, recordBytesMax)?.bytes);
}

/** The record that a manifest names, verified against the sha256 in it. Throws `RECORD_INVALID`. */
export function recordOf(store: ReleaseStore, manifest: OwnManifest): StoredRecord {
  const stored = readRecord(store, manifest.release);
  if (stored?.sha256 === manifest.record.sha256) return stored;
  const what = stored ? "differs from the sha256 in the manifest" : "is missing";
  throw new LockkeeperError("RECORD_INVALID", `${join(store.paths.folder, manifest.record.path)} ${what}`, {
    hint: "Restore the file from a backup, or publish a new release.",
    subject: manifest.release,
  });
}

/** All readable records, oldest first; one that cannot be read is left out. */
export async function readRecords(store: ReleaseStore): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (const release of await recordedReleases(store)) {
    try {
      const stored = readRecord(store, release);
      if (stored) records.push(stored);
    } catch (error) {
      if (!isLockkeeperError(error, "RECORD_INVALID", "FORMAT_UNSUPPORTED")) throw error;
    }
  }
  return records;
}

/** Ids of all releases that have a record or a folder, oldest first. */
export async function recordedReleases(store: ReleaseStore): Promise<string[]> {
  const { files } = store.platform;
  const inSlots = (await files.list(store.paths.records)).map((name) =>
    name.endsWith(".json") ? name.slice(0, -".json".length) : "",
  );
  const ids = new Set([...inSlots, ...(await files.list(store.paths.releases))]);
  const numbered = [...ids].flatMap((id) => {
    const number = releaseNumber(id);
    return number === undefined ? [] : [{ id, number }];
  });
  return numbered.toSorted((left, right) => left.number - right.number).map(({ id }) => id);
}

/** Makes the empty file that readers of a release lock shared, durably. An existing one is kept: a reader may hold it. */
export async function writePin(store: ReleaseStore, release: string): Promise<void> {
  const { files } = store.platform;
  const path = store.paths.pin(release);
  try {
    if ((await files.stat(path)) === undefined)
      await writeNewFile(store.platform, { path, bytes: Buffer.alloc(0), failpoint: "pin" });
    await files.syncFolder(store.paths.pins);
  } catch (error) {
    throw ioError(error, "make pin", path);
  }
}

/** The highest release number that records, folders or pins speak of; 0 where there is none. */
export async function highestRecordedNumber(store: ReleaseStore): Promise<number> {
  const pinned = (await store.platform.files.list(store.paths.pins)).map((name) => name.replace(/\.pin$/, ""));
  const numbers = [...(await recordedReleases(store)), ...pinned].map((id) => releaseNumber(id) ?? 0);
  return numbers.reduce((highest, number) => Math.max(highest, number), 0);
}

/** A data file as a record names it: relative to the store's folder, with `/`. */
export function fileReference(store: ReleaseStore, path: string, digest: FileDigest): ReleaseFile {
  return { path: relative(store.paths.folder, path).split(sep).join("/"), bytes: digest.bytes, sha256: digest.sha256 };
}
