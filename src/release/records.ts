import { relative, sep } from "node:path";
import { LockkeeperError, isLockkeeperError } from "../errors/lockkeeper-error.ts";
import { recordReference } from "../model/layout.ts";
import { sha256Hex, type OwnManifest } from "../model/manifest.ts";
import { releaseNumber } from "../model/names.ts";
import { parseRecord, renderRecord, type ReleaseFile, type ReleaseRecord } from "../model/release-record.ts";
import { ioError } from "../platform/io-error.ts";
import { replaceFile, writeNewFile } from "../platform/files.ts";
import type { FileDigest } from "./engine.ts";
import type { ReleaseStore } from "./store.ts";

const recordBytesMax = 64 * 1024 * 1024;

/** A record with the sha256 of its bytes, which the manifest names. */
export interface StoredRecord {
  readonly record: ReleaseRecord;
  readonly sha256: string;
}

/** Writes a record, durably, and returns how the manifest refers to it. */
export async function writeRecord(
  store: ReleaseStore,
  record: Omit<ReleaseRecord, "formatVersion">,
): Promise<OwnManifest["record"]> {
  const bytes = renderRecord(record);
  await replaceFile(store.platform, { path: store.paths.record(record.release), bytes, failpoint: "record" });
  return { path: recordReference(record.release), sha256: sha256Hex(bytes) };
}

/** The record of a release, or `undefined`. Throws `RECORD_INVALID`, `FORMAT_UNSUPPORTED`. */
export function readRecord(store: ReleaseStore, release: string): StoredRecord | undefined {
  const path = store.paths.record(release);
  const bytes = store.platform.files.readNow(path, recordBytesMax)?.bytes;
  return bytes && { record: parseRecord(bytes, path), sha256: sha256Hex(bytes) };
}

/** The record that a manifest names, verified against the sha256 in it. Throws `RECORD_INVALID`. */
export function recordOf(store: ReleaseStore, manifest: OwnManifest): StoredRecord {
  const stored = readRecord(store, manifest.release);
  if (stored?.sha256 === manifest.record.sha256) return stored;
  const what = stored ? "differs from the sha256 in the manifest" : "is missing";
  throw new LockkeeperError("RECORD_INVALID", `${store.paths.record(manifest.release)} ${what}`, {
    hint: "Restore the file from a backup, or publish a new release.",
    subject: manifest.release,
  });
}

/** All readable records, oldest first; one that cannot be read is left out. */
export async function readRecords(store: ReleaseStore): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (const name of await store.platform.files.list(store.paths.records)) {
    const release = name.endsWith(".json") ? name.slice(0, -".json".length) : "";
    if (releaseNumber(release) === undefined) continue;
    try {
      const stored = readRecord(store, release);
      if (stored) records.push(stored);
    } catch (error) {
      if (!isLockkeeperError(error, "RECORD_INVALID", "FORMAT_UNSUPPORTED")) throw error;
    }
  }
  return records;
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

/** The highest release number that records or pins speak of; 0 where there is none. */
export async function highestRecordedNumber(store: ReleaseStore): Promise<number> {
  const { files } = store.platform;
  const names = [...(await files.list(store.paths.records)), ...(await files.list(store.paths.pins))];
  const numbers = names.map((name) => releaseNumber(name.replace(/\.(?:json|pin)$/, "")) ?? 0);
  return numbers.reduce((highest, number) => Math.max(highest, number), 0);
}

/** A data file as a record names it: relative to the store's folder, with `/`. */
export function fileReference(store: ReleaseStore, path: string, digest: FileDigest): ReleaseFile {
  return { path: relative(store.paths.folder, path).split(sep).join("/"), bytes: digest.bytes, sha256: digest.sha256 };
}
