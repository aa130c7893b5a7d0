import { join, sep } from "node:path";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { isDatabaseOnly, type ParquetSource } from "../model/artifact.ts";
import { catalogueNames, dataFileReference, layoutOfActive, slotStems, storePaths, type StorePaths } from "../model/layout.ts";
import { basenameIn, releaseOf, sha256Hex, type Manifest, type OwnManifest } from "../model/manifest.ts";
import { assertBasename } from "../model/names.ts";
import { activeOf, artifactsOf, databaseFile, parseRecord, recordBytesMax, type ReleaseRecord } from "../model/release-record.ts";
import { assertWhole, parquetSources, sealedFiles, type SealedFile } from "./contents.ts";
import type { FileStat, Platform } from "../platform/port.ts";
import type { ManifestSighting } from "./resolver.ts";
import { sqliteFiles, type SqliteFile } from "./sqlite.ts";

/** A release that can be opened: where its data lies and what to call it. */
export interface ReleaseTarget {
  /** The release id; of what lies in quarantine, the build's id. */
  readonly release: string;
  /** `undefined` for what was never active. */
  readonly version: number | undefined;
  /** 32 hex digits; no two releases share one. */
  readonly uid: string;
  /** What a manifest calls it; `undefined` for the fallback file and for what lies in quarantine. */
  readonly active: string | undefined;
  /** RFC 3339 UTC, as the manifest has it; else when the manifest was written. Of a release that is not the active one, when it was made. */
  readonly lastUpdated: string;
  /** The DuckDB file; of a release without one its record. */
  readonly path: string;
  /** Catalogue names to attach the DuckDB file under; empty where there is none. */
  readonly names: readonly string[];
  /** Tables of Parquet files. */
  readonly parquet: readonly ParquetSource[];
  /** Every file of the release, where a record tells of them. */
  readonly files?: readonly SealedFile[] | undefined;
  /** The pin file; foreign releases have none. */
  readonly pin: string | undefined;
  /** The SQLite files it holds; none of a foreign release, of the fallback file, and of what lies in quarantine. */
  readonly sqlite: readonly SqliteFile[];
}

/** A store as the reader knows it. */
export interface StoreView {
  readonly platform: Platform;
  readonly paths: StorePaths;
  /** Stem of the data files where the caller chose one. */
  readonly basename: string | undefined;
}

/** The store that lies in a folder. */
export function storeView(platform: Platform, dir: string, basename: string | undefined): StoreView {
  return { platform, paths: storePaths(dir), basename };
}

/**
 * The release that a manifest makes active. Looks at files on the calling thread, some microseconds each: while queries fill the thread pool
 * every wait for it would make the switch later. Throws `FILE_MISSING`, `MANIFEST_INVALID` (a path that leaves the folder, a data file that is
 * none), `CONFIG_INVALID` (several stems), `RECORD_INVALID`, `CHECKSUM_MISMATCH`, `FORMAT_UNSUPPORTED`.
 */
export async function locateRelease(store: StoreView, sighting: ManifestSighting): Promise<ReleaseTarget> {
  const { manifest, identity, modifiedAt } = sighting;
  const own = manifest.own;
  // What holds more than a DuckDB file is found by its record alone.
  const record = own === undefined || layoutOfActive(manifest.active) === "slots" ? undefined : readRecord(store, own);
  const several = record !== undefined && !isDatabaseOnly(artifactsOf(record));
  const { record: told, ...data } = several
    ? { record, ...(await recordedData(store, record, manifest.active)) }
    : await databaseAlone(store, manifest, record);
  return {
    ...data,
    release: releaseOf(manifest),
    version: manifest.version,
    uid: told?.uid ?? sha256Hex(identity).slice(0, 32),
    active: manifest.active,
    lastUpdated: manifest.lastUpdated ?? modifiedAt,
    pin: own === undefined ? undefined : store.paths.pin(own.release),
    sqlite: record === undefined ? [] : sqliteFiles(record, store.paths.release(record.release)),
  };
}

/** Where the data of a release lies. */
type ReleaseData = Pick<ReleaseTarget, "path" | "names" | "parquet" | "files">;

/** A release that is one DuckDB file, as every manifest has it whose record does not say more. */
async function databaseAlone(
  store: StoreView,
  manifest: Manifest,
  known: ReleaseRecord | undefined,
): Promise<ReleaseData & { readonly record: ReleaseRecord | undefined }> {
  const data = await releaseFiles(store, manifest);
  const file = await dataFile(store, data.path, manifest.active);
  const record = known ?? (manifest.own === undefined ? undefined : readRecord(store, manifest.own));
  if (record !== undefined) compare(store, { record, path: data.path, stat: file.stat });
  const sealed = record?.files.filter(({ path }) => join(store.paths.folder, path) === data.path);
  const files = sealed?.map(({ bytes, sha256 }) => ({ path: file.path, bytes, sha256 }));
  return { path: file.path, names: data.names, parquet: [], files, record };
}

/**
 * Where the data of a release lies that holds more than a DuckDB file, as its record says, each file looked at. Throws `RECORD_INVALID` where it is the record of another release,
 * `FILE_MISSING`, `CHECKSUM_MISMATCH`.
 */
export async function recordedData(store: StoreView, record: ReleaseRecord, active: string): Promise<ReleaseData> {
  const { folder } = store.paths;
  if (activeOf(record) !== active) {
    throw new LockkeeperError("RECORD_INVALID", `the record of release ${record.release} is not of "${active}"`, {
      subject: record.release,
    });
  }
  const files = sealedFiles(record.files, folder);
  await assertWhole(store.platform, files, { base: folder, release: record.release });
  const database = databaseFile(record);
  const path = database === undefined ? store.paths.record(record.release, "releases") : join(folder, database.path);
  if (database !== undefined) assertNoLog(store, { release: record.release, path });
  return {
    path,
    names: database === undefined ? [] : catalogueNames(record.basename, active),
    parquet: parquetSources(record, { base: folder, inside: `releases/${record.release}` }),
    files,
  };
}

/** Where the file of a release lies, and what to attach it as. */
async function releaseFiles(store: StoreView, manifest: Manifest): Promise<Pick<ReleaseTarget, "path" | "names">> {
  const basename = await basenameOf(store, manifest);
  const path = join(store.paths.folder, dataFileReference(basename, manifest.active));
  return { path, names: catalogueNames(basename, manifest.active) };
}

async function basenameOf(store: StoreView, manifest: Manifest): Promise<string> {
  if (store.basename !== undefined && manifest.own === undefined) return store.basename;
  const named = basenameIn(manifest, store.paths.manifest);
  if (named !== undefined) return named;
  const inSlots = layoutOfActive(manifest.active) === "slots";
  const folder = inSlots ? store.paths.folder : store.paths.release(manifest.active);
  const names = await store.platform.files.list(folder);
  const stems = inSlots ? slotStems(names) : names.flatMap((name) => /^(.+)\.duckdb$/.exec(name)?.[1] ?? []);
  if (stems.length > 1) {
    throw new LockkeeperError("CONFIG_INVALID", `${folder} has data files of several names: ${stems.join(", ")}`, {
      hint: "Name one with the option `basename`.",
      subject: folder,
    });
  }
  const [stem] = stems;
  if (stem === undefined) {
    const wanted = inSlots ? "<name>_a.duckdb or <name>_b.duckdb" : "<name>.duckdb";
    throw new LockkeeperError(
      "FILE_MISSING",
      `the manifest of ${store.paths.folder} is there, but no data file ${wanted} in ${folder}`,
      {
        subject: folder,
      },
    );
  }
  assertBasename(stem);
  return stem;
}

/** The data file, a link followed where it stays in the folder. */
async function dataFile(
  store: StoreView,
  path: string,
  active: string,
): Promise<{ readonly path: string; readonly stat: FileStat }> {
  const { files } = store.platform;
  const entry = files.statNow(path);
  if (entry === undefined) {
    throw new LockkeeperError("FILE_MISSING", `${store.paths.manifest} makes "${active}" active, but there is no ${path}`, {
      subject: path,
    });
  }
  const target = entry.kind === "symlink" ? await linkTarget(store, path) : path;
  const stat = target === undefined ? undefined : files.statNow(target);
  if (target !== undefined && stat?.kind === "file") return { path: target, stat };
  const what = entry.kind === "symlink" ? "a link that leaves the folder or leads nowhere" : "not a regular file";
  throw new LockkeeperError("MANIFEST_INVALID", `${store.paths.manifest}: "active" is "${active}", and ${path} is ${what}`, {
    hint: "Put the data file itself into the store's folder.",
    subject: path,
  });
}

async function linkTarget(store: StoreView, path: string): Promise<string | undefined> {
  const { files } = store.platform;
  // A link to itself has no end: the system refuses it.
  const target = await files.resolve(path).catch(() => undefined);
  const folder = await files.resolve(store.paths.folder);
  const inside = target !== undefined && folder !== undefined && target.startsWith(join(folder, sep));
  return inside ? target : undefined;
}

function readRecord(store: StoreView, own: OwnManifest): ReleaseRecord {
  const { path, bytes } = recordFile(store, own.record.path);
  const read = bytes > recordBytesMax ? undefined : store.platform.files.readNow(path, bytes);
  if (read?.bytes === undefined) {
    throw new LockkeeperError("RECORD_INVALID", `the record of release ${own.release} cannot be read at ${path}`, {
      subject: path,
    });
  }
  if (sha256Hex(read.bytes) !== own.record.sha256) {
    throw new LockkeeperError("RECORD_INVALID", `${path} differs from the sha256 in the manifest`, { subject: path });
  }
  const record = parseRecord(read.bytes, path);
  if (record.release === own.release) return record;
  throw new LockkeeperError("RECORD_INVALID", `${path} is the record of ${record.release}, not of ${own.release}`, {
    subject: path,
  });
}

function recordFile(store: StoreView, reference: string): { readonly path: string; readonly bytes: number } {
  const parts = reference.split("/");
  let path = store.paths.folder;
  let bytes = 0;
  for (const [index, part] of parts.entries()) {
    if (part === "" || part === "." || part === ".." || /[\\:\0]/.test(part)) throw leaves(store, reference);
    path = join(path, part);
    const stat = store.platform.files.statNow(path);
    if (stat !== undefined && stat.kind !== (index === parts.length - 1 ? "file" : "folder")) throw leaves(store, reference);
    bytes = stat?.bytes ?? 0;
  }
  return { path, bytes };
}

function leaves(store: StoreView, reference: string): LockkeeperError {
  return new LockkeeperError(
    "MANIFEST_INVALID",
    `${store.paths.manifest}: "record.path" is ${JSON.stringify(reference)}; it must name a file inside the store's folder`,
    {
      subject: store.paths.manifest,
    },
  );
}

/** Size only: integrity is the publisher's and the scrub's business, and hashing here would cost every switch seconds. */
function compare(store: StoreView, found: { record: ReleaseRecord; path: string; stat: FileStat }): void {
  const { record, path, stat } = found;
  const file = record.files.find((entry) => join(store.paths.folder, entry.path) === path);
  if (file === undefined) {
    throw new LockkeeperError("RECORD_INVALID", `the record of release ${record.release} does not list ${path}`, {
      subject: path,
    });
  }
  if (file.bytes !== stat.bytes) {
    throw new LockkeeperError(
      "CHECKSUM_MISMATCH",
      `${path} has ${stat.bytes} bytes; the record of release ${record.release} says ${file.bytes}`,
      {
        hint: "Something wrote to the active file after it was published. Roll back, or publish again.",
        subject: path,
      },
    );
  }
  assertNoLog(store, { release: record.release, path });
}

/** The engine would replay it into what it shows. */
function assertNoLog(store: StoreView, { release, path }: { readonly release: string; readonly path: string }): void {
  const log = store.platform.files.statNow(`${path}.wal`);
  if (log !== undefined && log.bytes > 0) {
    throw new LockkeeperError("CHECKSUM_MISMATCH", `${path}.wal would be replayed into release ${release}, which has none`, {
      hint: "Find out what wrote to the active file, then remove the log.",
      subject: `${path}.wal`,
    });
  }
}
