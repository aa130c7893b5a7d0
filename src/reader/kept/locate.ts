import { join, sep } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { parseHistoryLine } from "../../model/history.ts";
import { catalogueNames, isSlot } from "../../model/layout.ts";
import { hasDatabase, isDatabaseOnly } from "../../model/artifact.ts";
import { sha256Hex, type OwnManifest } from "../../model/manifest.ts";
import { buildIdPattern, isBasename, releaseNumber } from "../../model/names.ts";
import { quarantinedContents, type QuarantinedContents } from "../../model/quarantined.ts";
import { activeOf, artifactsOf, findRecord, recordBytesMax, type ReleaseFile } from "../../model/release-record.ts";
import type { FileStat } from "../../platform/port.ts";
import { assertWhole, parquetSources, sealedFiles } from "../contents.ts";
import { recordedData, type ReleaseTarget, type StoreView } from "../locate.ts";
import { sqliteFiles } from "../sqlite.ts";

/** A larger history is not searched for the version of an old release. Bytes. */
const historyBytesMax = 256 * 1024 * 1024;

/** What tells of a build in quarantine, in its folder. */
const reportName = "report.json";

/** Characters of an id that a message repeats: it may be anything. */
const shownMax = 80;

/** A release that is not the active one, or a build in quarantine. */
export interface KeptTarget extends ReleaseTarget {
  /** Of the file, as it was looked at. */
  readonly stat: FileStat;
  /** What its bytes must be, where only they tell that the file is still this release's: another one takes its slot. */
  readonly sealed: ReleaseFile | undefined;
}

/** Whether `id` is that of a release or of a build. Nothing else is looked for, so no path can hide in it. */
export function isKeptId(id: string): boolean {
  return releaseNumber(id) !== undefined || buildIdPattern.test(id);
}

/** The error for an id that names nothing that can be opened. */
export function unknownRelease(store: StoreView, id: string, why: string): LockkeeperError {
  const shown = id.length > shownMax ? `${id.slice(0, shownMax)}…` : id;
  return new LockkeeperError("RELEASE_UNKNOWN", `${store.paths.folder} has no release "${shown}" to open: ${why}`, {
    hint: "`lockkeeper releases list` shows what is kept, and what is in quarantine.",
    subject: shown,
  });
}

/**
 * Where the data of a kept release lies, by its record. `own` is the manifest of this moment, where it is ours. Call it with the release pinned: what is there then, stays. Throws
 * `RELEASE_UNKNOWN`, `RECORD_INVALID`, `FORMAT_UNSUPPORTED`, and `CHECKSUM_MISMATCH` for a file of the wrong size or with a write-ahead log.
 */
export async function locateKept(store: StoreView, release: string, own: OwnManifest | undefined): Promise<KeptTarget> {
  const found = findRecord(store.paths, release, (path) => store.platform.files.readNow(path, recordBytesMax)?.bytes);
  const file = found?.record.files[0];
  const active = found && activeOf(found.record);
  if (found === undefined || file === undefined || active === undefined) throw unknownRelease(store, release, "it is not kept");
  const { record } = found;
  const identity = { release, version: lastVersion(store, release, own), uid: record.uid, active, lastUpdated: record.createdAt };
  const pin = store.paths.pin(release);
  if (!isDatabaseOnly(artifactsOf(record))) {
    const data = await recordedData(store, record, active);
    const sqlite = sqliteFiles(record, store.paths.release(release));
    return { ...identity, ...data, sqlite, pin, stat: await dataFile(store, release, data.path), sealed: undefined };
  }
  const path = join(store.paths.folder, file.path);
  const stat = await dataFile(store, release, path);
  const inSlot = isSlot(active);
  if (stat.bytes !== file.bytes) {
    if (inSlot) throw overwritten(store, release, path);
    throw changed(path, `has ${stat.bytes} bytes; the record of release ${release} says ${file.bytes}`);
  }
  assertNoLog(store, path);
  return {
    ...identity,
    path,
    names: catalogueNames(record.basename, active),
    parquet: [],
    files: inSlot ? undefined : [{ ...file, path }],
    sqlite: [],
    pin,
    stat,
    sealed: inSlot ? file : undefined,
  };
}

/** Where the data of a build in quarantine lies. Throws `RELEASE_UNKNOWN`, also for one that failed: it has left a report only. */
export async function locateQuarantined(store: StoreView, build: string): Promise<KeptTarget> {
  const folder = join(store.paths.quarantine, build);
  const names = await store.platform.files.list(folder);
  if (names.length === 0) throw unknownRelease(store, build, "there is no such build in quarantine");
  // It holds what a record would.
  const report = store.platform.files.readNow(join(folder, reportName), recordBytesMax)?.bytes;
  const contents = report && quarantinedContents(report);
  if (contents !== undefined) return locateContents(store, { build, folder, contents });
  const [stem, ...others] = names.flatMap((name) => /^(.+)\.duckdb$/.exec(name)?.[1] ?? []);
  if (stem === undefined || others.length > 0 || !isBasename(stem)) {
    const why = "its data was not kept; report.json and build.log in its folder tell why";
    throw unknownRelease(store, build, `it lies in quarantine, but ${why}`);
  }
  const path = join(folder, `${stem}.duckdb`);
  const stat = await dataFile(store, build, path);
  // A detached build whose lease ran out was not sealed: the engine would replay what its builder had not finished.
  if (hasLog(store, path)) throw unknownRelease(store, build, "it was not finished, for a write-ahead log lies beside its data");
  return { ...quarantined(build, stat), path, names: [stem], parquet: [] };
}

/** What lies in quarantine as more than one DuckDB file. `FILE_MISSING` and `CHECKSUM_MISMATCH` tell of what was taken out or changed since. */
async function locateContents(
  store: StoreView,
  { build, folder, contents }: { readonly build: string; readonly folder: string; readonly contents: QuarantinedContents },
): Promise<KeptTarget> {
  const { artifacts, basename } = contents;
  const files = sealedFiles(contents.files, folder);
  await assertWhole(store.platform, files, { base: folder, release: build });
  const path = join(folder, hasDatabase(artifacts) ? `${basename}.duckdb` : reportName);
  const stat = await dataFile(store, build, path);
  assertNoLog(store, path);
  const names = hasDatabase(artifacts) ? [basename] : [];
  const parquet = parquetSources(contents, { base: folder, inside: "" });
  return { ...quarantined(build, stat), path, names, parquet, sqlite: sqliteFiles(contents, folder), files };
}

function quarantined(build: string, stat: FileStat) {
  return {
    release: build,
    version: undefined,
    uid: sha256Hex(`quarantine ${build}`).slice(0, 32),
    active: undefined,
    lastUpdated: new Date(Number(stat.modifiedNs / 1_000_000n)).toISOString(),
    pin: undefined,
    sqlite: [],
    stat,
    sealed: undefined,
  };
}

/** The error for a slot that has another release by now. */
export function overwritten(store: StoreView, release: string, path: string): LockkeeperError {
  return unknownRelease(store, release, `${path} holds other data by now; with layout "slots" only the last two are there`);
}

/** A regular file inside the store, as seen through every link. */
async function dataFile(store: StoreView, id: string, path: string): Promise<FileStat> {
  const { files } = store.platform;
  const stat = files.statNow(path);
  if (stat === undefined) throw unknownRelease(store, id, `there is no ${path}`);
  const [real, folder] = await Promise.all([files.resolve(path), files.resolve(store.paths.folder)]);
  const inside = real !== undefined && folder !== undefined && real.startsWith(join(folder, sep));
  if (stat.kind === "file" && inside) return stat;
  throw unknownRelease(store, id, `${path} is ${stat.kind === "file" ? "outside of the store's folder" : "not a regular file"}`);
}

/** The engine would replay it into what it shows. */
function assertNoLog(store: StoreView, path: string): void {
  if (hasLog(store, path)) throw changed(`${path}.wal`, "lies beside it: something has written to the file");
}

function hasLog(store: StoreView, path: string): boolean {
  return (store.platform.files.statNow(`${path}.wal`)?.bytes ?? 0) > 0;
}

function changed(path: string, what: string): LockkeeperError {
  return new LockkeeperError("CHECKSUM_MISMATCH", `${path} ${what}`, {
    hint: "A release is never written again: find out what changed it. `lockkeeper check --release` tells more.",
    subject: path,
  });
}

/** The last version that a release was active under; `undefined` where neither manifest nor history tell of one. */
function lastVersion(store: StoreView, release: string, own: OwnManifest | undefined): number | undefined {
  if (own?.release === release) return own.version;
  const bytes = store.platform.files.readNow(store.paths.history, historyBytesMax)?.bytes;
  // Most lines are of other releases: only those that name this one are parsed.
  const lines = bytes?.toString("utf8").split("\n") ?? [];
  for (const line of lines.toReversed()) {
    const event = line.includes(`"${release}"`) ? parseHistoryLine(line) : "unknown";
    if (typeof event === "object" && event.type === "release.switched" && event.release === release) return event.version;
  }
  return own?.previous?.release === release ? own.previous.version : undefined;
}
