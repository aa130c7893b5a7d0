import { dirname, join } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { isDatabaseOnly, type Artifact } from "../../model/artifact.ts";
import { ioError } from "../../platform/io-error.ts";
import type { FileStat, OpenFile } from "../../platform/port.ts";
import type { CheckResult } from "../../model/check.ts";
import { listBuilt, type Built } from "../artifacts/built.ts";
import { emptyModels } from "../dbt/empty-models.ts";
import { readDbtFiles, type DbtFiles } from "../dbt/files.ts";
import { leaveViews } from "../dbt/left-views.ts";
import { sealDbt, type DbtProvenance } from "../dbt/provenance.ts";
import type { ReleaseStore } from "../store.ts";
import { digestFile, digestOf } from "./digest.ts";
import type { BuildFolder } from "./folder.ts";
import { findPlaces } from "./places.ts";

/** A file of a build that is complete, durable and hashed. */
export interface SealedFile {
  /** Relative to the release's folder, with `/`. */
  readonly name: string;
  /** The same in the build's. */
  readonly source: string;
  readonly bytes: number;
  readonly sha256: string;
  /** After everything that sealing does to it. */
  readonly stat: FileStat;
}

/** The DuckDB file of a sealed build. */
export interface SealedDatabase {
  readonly name: string;
  readonly path: string;
  /** Open with a shared lock: no DuckDB writer gets in, wherever the file is renamed to. */
  readonly file: OpenFile;
}

/** A build whose files are complete, durable and hashed; its databases are closed to writers until `release`. */
export interface SealedBuild {
  /** The build's folder. */
  readonly folder: string;
  /** `undefined` for a release without a DuckDB file. */
  readonly database: SealedDatabase | undefined;
  /** Everything that the release will hold. */
  readonly files: readonly SealedFile[];
  /** Its Parquet tables, and what lies among the files that may not. */
  readonly built: Built;
  /** What dbt says of it; `undefined` where dbt had no part in it. Kept with a release that has a folder. */
  readonly dbt: DbtProvenance | undefined;
  /** What sealing changed in what the build wrote. */
  readonly changes: readonly CheckResult[];
  /** Gives the locks up; a descriptor closes when no instance of this process is open on its file. */
  release(): Promise<void>;
}

/** Files that are synced and hashed at a time: while one waits for the disk another is hashed. */
const sealedAtATime = 4;

/**
 * Seals what a build has written: nothing else writes it, write-ahead logs are folded in, each file is fsynced and hashed. Throws `BUILD_EMPTY` where an artifact has nothing,
 * `BUILD_UNFINISHED`, `DATABASE_CORRUPT`, `STORAGE_UNSUPPORTED`, `DISK_FULL`, `FEATURE_MISSING`.
 */
export async function seal(store: ReleaseStore, build: BuildFolder, signal: AbortSignal | undefined): Promise<SealedBuild> {
  const held: (() => Promise<void>)[] = [];
  const release = async (): Promise<void> => {
    for (const letGo of held.splice(0)) await letGo();
  };
  try {
    const dbt = readDbtFiles(store, build.folder);
    const { built, changes } = await arrange(store, build, dbt);
    const files: SealedFile[] = [];
    const database = build.hasDatabase ? await sealDatabase(store, build, held) : undefined;
    if (database !== undefined) files.push(await sealedDatabaseFile(store, database, signal));
    for (const artifact of store.artifacts) {
      if (artifact.kind === "sqlite") files.push(await sealSqlite(store, build, { artifact, held, signal }));
    }
    files.push(...(await sealParquet(store, build, { built, signal })));
    const provenance = await sealDbt(store, build, { dbt, signal });
    return { folder: build.folder, database, files, built, dbt: provenance, changes, release };
  } catch (error) {
    await release();
    throw ioError(error, "seal", build.folder);
  }
}

/** Finds the tables among what was written, and takes out what is no part of them: rows of empty models, views that a release cannot have. */
async function arrange(
  store: ReleaseStore,
  build: BuildFolder,
  { manifest }: DbtFiles,
): Promise<{ readonly built: Built; readonly changes: readonly CheckResult[] }> {
  // Before anything opens the file: an instance of this process on it would take the locks away that tell of a writer (FACTS 1.3).
  if (build.hasDatabase && (await store.platform.files.stat(build.path))?.kind === "file")
    await (await lockAgainstWriters(store, build.path)).release();
  const { places, views, shown } = await findPlaces(store, build, manifest);
  const written = await listBuilt(store, build, places);
  const emptied = await emptyModels(store, build, written);
  const built = emptied.length === 0 ? written : await listBuilt(store, build, places);
  await store.platform.failpoint("seal.arranged");
  const left = build.hasDatabase ? await leaveViews(store, build, { views, shown, built, manifest }) : undefined;
  return { built, changes: left === undefined ? emptied : [...emptied, left] };
}

async function sealDatabase(
  store: ReleaseStore,
  { path, basename }: BuildFolder,
  held: (() => Promise<void>)[],
): Promise<SealedDatabase> {
  const { files } = store.platform;
  await assertWritten(store, path, "Write the database to the path in LOCKKEEPER_BUILD_PATH (also in DUCKDB_PATH).");
  if ((await files.stat(`${path}.wal`)) !== undefined) {
    await (await lockAgainstWriters(store, path)).release();
    await store.engine.checkpoint(path);
  }
  const { file, release } = await lockAgainstWriters(store, path);
  held.push(release);
  try {
    await assertNoLog(store, path);
    await file.setMode(0o644);
    await file.sync();
    await files.syncFolder(dirname(path));
    await store.platform.failpoint("seal.synced");
    return { name: `${basename}.duckdb`, path, file };
  } catch (error) {
    throw ioError(error, "seal", path);
  }
}

async function sealedDatabaseFile(
  store: ReleaseStore,
  { name, file }: SealedDatabase,
  signal: AbortSignal | undefined,
): Promise<SealedFile> {
  const { bytes, sha256 } = await digestOf(store, file, signal);
  return { name, source: name, bytes, sha256, stat: await file.stat() };
}

interface SqliteSealing {
  readonly artifact: Extract<Artifact, { kind: "sqlite" }>;
  readonly held: (() => Promise<void>)[];
  readonly signal: AbortSignal | undefined;
}

/** Its own lock is compatible with ours: SQLite's readers get in, its writers do not. */
async function sealSqlite(
  store: ReleaseStore,
  { folder }: BuildFolder,
  { artifact, held, signal }: SqliteSealing,
): Promise<SealedFile> {
  const path = join(folder, ...artifact.path.split("/"));
  await assertWritten(store, path, `Write the SQLite file to ${artifact.path} in the folder LOCKKEEPER_BUILD_DIR.`);
  await store.sqlite.seal(path, signal);
  const { file, release } = await lockAgainstWriters(store, path);
  held.push(release);
  await file.sync();
  const { bytes, sha256 } = await digestOf(store, file, signal);
  await store.platform.files.syncFolder(dirname(path));
  return { name: artifact.path, source: artifact.path, bytes, sha256, stat: await file.stat() };
}

interface ParquetSealing {
  readonly built: Built;
  readonly signal: AbortSignal | undefined;
}

/** Nothing locks a Parquet file: that nobody writes to one shows in its times, before and after it was hashed and once more when it is moved. */
async function sealParquet(store: ReleaseStore, build: BuildFolder, { built, signal }: ParquetSealing): Promise<SealedFile[]> {
  if (isDatabaseOnly(store.artifacts)) return [];
  const folders = new Set<string>();
  const sealed: SealedFile[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < built.files.length; index = next++) {
      const { name, source } = built.files[index] ?? { name: "", source: "" };
      const path = join(build.folder, ...source.split("/"));
      const { digest, stat } = await digestFile(store, path, { sync: true, signal });
      folders.add(dirname(path));
      sealed[index] = { name, source, bytes: digest.bytes, sha256: digest.sha256, stat };
    }
  };
  await Promise.all(Array.from({ length: sealedAtATime }, () => work()));
  for (const folder of folders) await store.platform.files.syncFolder(folder);
  await store.platform.failpoint("seal.parquet");
  return sealed;
}

async function assertWritten(store: ReleaseStore, path: string, hint: string): Promise<void> {
  const stat = await store.platform.files.stat(path);
  if (stat?.kind === "file" && stat.bytes > 0) return;
  throw new LockkeeperError("BUILD_EMPTY", `the build ended, but ${path} ${whatIsWrong(stat)}`, { hint, subject: path });
}

/**
 * A shared lock on a database file, as a reader's: DuckDB writers are kept out and readers let in. Throws `BUILD_UNFINISHED` where a
 * writer is inside.
 */
export async function lockAgainstWriters(
  store: ReleaseStore,
  path: string,
): Promise<{ readonly file: OpenFile; readonly release: () => Promise<void> }> {
  const { files, locks } = store.platform;
  const file = await files.open(path, "read").catch((error: unknown) => {
    throw ioError(error, "open", path);
  });
  // Neither a release that is out nor the reason of a failure is hidden by a descriptor that could not be closed.
  const letGo = () => store.engine.closeWhenUnused(file).catch(() => undefined);
  let locked: boolean;
  try {
    locked = locks.tryLock(file, "shared");
  } catch (error) {
    await letGo();
    throw error;
  }
  if (!locked) {
    await letGo();
    throw new LockkeeperError("BUILD_UNFINISHED", `something still writes to ${path}`, {
      hint: "Close every connection and instance before the build ends, and wait for background processes.",
      subject: path,
    });
  }
  let released = false;
  return {
    file,
    async release() {
      if (released) return;
      released = true;
      locks.unlock(file);
      await letGo();
    },
  };
}

async function assertNoLog(store: ReleaseStore, path: string): Promise<void> {
  if ((await store.platform.files.stat(`${path}.wal`)) === undefined) return;
  throw new LockkeeperError("BUILD_UNFINISHED", `${path}.wal could not be folded in`, {
    hint: "Run CHECKPOINT and close the database at the end of the build.",
    subject: `${path}.wal`,
  });
}

function whatIsWrong(stat: FileStat | undefined): string {
  if (stat === undefined) return "is missing";
  return stat.kind === "file" ? "is empty" : "is not a regular file";
}
