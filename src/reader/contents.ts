import { join } from "node:path";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { ParquetSource } from "../model/artifact.ts";
import { groupPaths } from "../model/path-index.ts";
import type { ReleaseFile, ReleaseRecord } from "../model/release-record.ts";
import type { FileStat, Platform } from "../platform/port.ts";
import type { ReaderEngine } from "./engine.ts";

/** A file of a release, as its record has it. */
export interface SealedFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Up to so many files are looked at on the calling thread, some microseconds each: while queries fill the thread pool every wait for it would make the switch later. */
const filesNowMax = 100;

/** The Parquet tables of a record. `base` is the folder that the paths of its files are relative to, `inside` the release's own among those. */
export function parquetSources(
  record: Pick<ReleaseRecord, "tables" | "files">,
  { base, inside }: { readonly base: string; readonly inside: string },
): ParquetSource[] {
  const prefix = inside === "" ? "" : `${inside}/`;
  const relative = record.files.map(({ path }) => (path.startsWith(prefix) ? path.slice(prefix.length) : path));
  const tables = record.tables.filter(({ parquet }) => parquet !== undefined);
  const groups = groupPaths(tables, relative, ({ parquet }) => parquet?.path ?? "");
  return tables.flatMap((table) => {
    const { schema, name, columns, parquet } = table;
    if (parquet === undefined) return [];
    const files = (groups.get(table) ?? []).map((path) => join(base, inside, path));
    if (files.length > 0) return [{ schema, name, files, hive: parquet.hive, columns }];
    const where = join(base, inside, parquet.path);
    throw new LockkeeperError("RECORD_INVALID", `table ${schema}.${name} has no file at ${where}`, { subject: where });
  });
}

/** The files of a record, with absolute paths. */
export function sealedFiles(files: readonly ReleaseFile[], base: string): SealedFile[] {
  return files.map(({ path, bytes, sha256 }) => ({ path: join(base, path), bytes, sha256 }));
}

/**
 * Looks at each file and at the folders between it and `base`: regular ones, no links, each file with the bytes that the record says. Throws `FILE_MISSING`, `CHECKSUM_MISMATCH`; `release` is
 * for the messages.
 */
export async function assertWhole(
  platform: Platform,
  files: readonly SealedFile[],
  { base, release }: { readonly base: string; readonly release: string },
): Promise<void> {
  const folders = foldersOf(files, base);
  const entries = [
    ...[...folders].map((path) => ({ path, file: undefined })),
    ...files.map((file) => ({ path: file.path, file })),
  ];
  const few = entries.length <= filesNowMax;
  for (let first = 0; first < entries.length; first += filesNowMax) {
    const part = entries.slice(first, first + filesNowMax);
    const stats = few
      ? part.map(({ path }) => platform.files.statNow(path))
      : await Promise.all(part.map(({ path }) => platform.files.stat(path)));
    for (const [index, { path, file }] of part.entries()) assertEntry(stats[index], { path, file, release });
  }
}

/** Reads every file whole, in a child process. Throws `CHECKSUM_MISMATCH` with the first whose bytes are others than the record says, `INTERRUPTED`, and what reading throws. */
export async function assertSealed(
  engine: ReaderEngine,
  files: readonly SealedFile[],
  { release, signal }: { readonly release: string; readonly signal: AbortSignal },
): Promise<void> {
  const digests = await engine.digest(
    files.map(({ path }) => path),
    signal,
  );
  for (const [index, { path, sha256 }] of files.entries()) {
    if (digests[index]?.sha256 === sha256) continue;
    throw changed(path, `holds other bytes than the record of release ${release} says`);
  }
}

/** The error for a file of a release that is not what it was. */
function changed(path: string, what: string): LockkeeperError {
  return new LockkeeperError("CHECKSUM_MISMATCH", `${path} ${what}`, {
    hint: "A release is never written again: find out what changed it. Roll back, publish again, or restore the file from a backup.",
    subject: path,
  });
}

function assertEntry(
  stat: FileStat | undefined,
  { path, file, release }: { readonly path: string; readonly file: SealedFile | undefined; readonly release: string },
): void {
  if (stat === undefined) {
    throw new LockkeeperError("FILE_MISSING", `release ${release} has no ${path} any more`, {
      hint: "Roll back, publish again, or restore the file from a backup.",
      subject: path,
    });
  }
  const kind = file === undefined ? "folder" : "file";
  if (stat.kind !== kind)
    throw changed(path, `is no ${kind === "file" ? "regular file" : "folder"}, as release ${release} has it`);
  if (file !== undefined && stat.bytes !== file.bytes) {
    throw changed(path, `has ${stat.bytes} bytes; the record of release ${release} says ${file.bytes}`);
  }
}

function foldersOf(files: readonly SealedFile[], base: string): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const { path } of files) {
    for (let folder = join(path, ".."); folder.length > base.length && !folders.has(folder); folder = join(folder, "..")) {
      folders.add(folder);
    }
  }
  return folders;
}
