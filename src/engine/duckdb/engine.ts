import type { ParquetFooter, ParquetSource } from "../../model/artifact.ts";
import type { FileStat, OpenFile, Platform } from "../../platform/port.ts";
import { comparedCatalogue, tableBytes, tableFingerprint } from "./compare.ts";
import { checkpoint } from "./checkpoint.ts";
import { copyFile, type CopyKind } from "./copy.ts";
import { digestFiles, type Digest } from "./digest.ts";
import type { Database } from "./database.ts";
import { inspect, type DuckdbInspection } from "./inspect.ts";
import type { Settings } from "./instance.ts";
import { openForReading, type OpenOptions } from "./open.ts";
import { assertParquetEnds } from "./parquet-ends.ts";
import { parquetFooters } from "./parquet-footers.ts";
import { closeWhenUnused, isOpenHere } from "./registry.ts";
import { isOneRowOfNulls, writeEmptyParquet } from "./empty-parquet.ts";
import { Spare } from "./spare.ts";
import { sqlCommand } from "./sql-command.ts";
import { changeViews, fileViews, type FileView, type ViewChanges } from "./views.ts";

export { defaultConcurrency, threadPoolSize } from "./concurrency.ts";
export { engineVersion } from "./driver.ts";
export { haveExtensions } from "./extensions.ts";

/** DuckDB, as the reader and the release store need it. */
export interface DuckdbEngine {
  /** Opens a file for reading; see `openForReading`. */
  open(options: OpenOptions): Promise<Database>;
  /** Makes the next `open` with these settings cheaper; best effort. */
  prepareSpare(settings: Settings): Promise<void>;
  /** Lets the spare go. */
  dropSpare(): void;
  /** Folds a write-ahead log into its file; see `checkpoint`. */
  checkpoint(path: string): Promise<void>;
  /** The views of a file; see `fileViews`. */
  views(path: string): Promise<FileView[]>;
  /** Drops views of a file and shows tables of Parquet files in it; see `changeViews`. */
  changeViews(path: string, changes: ViewChanges): Promise<void>;
  readonly isOneRowOfNulls: typeof isOneRowOfNulls;
  readonly writeEmptyParquet: typeof writeEmptyParquet;
  /** Opens a release's files as a reader would and tells what lies in them; see `inspect`. */
  inspect(path: string | undefined, name: string, parquet?: readonly ParquetSource[]): Promise<DuckdbInspection>;
  /** What the ends of Parquet files tell; see `parquetFooters`. */
  parquetFooters(paths: readonly string[], signal?: AbortSignal): Promise<ParquetFooter[]>;
  /** Looks at the first and the last bytes of Parquet files; see `assertParquetEnds`. */
  assertParquetEnds(paths: readonly string[]): Promise<void>;
  /** Bytes and sha256 of files, read in a child process; see `digestFiles`. */
  digest(paths: readonly string[], signal?: AbortSignal): Promise<Digest[]>;
  /** Copies a file in a child process; see `copyFile`. */
  copy(source: string, target: string, signal?: AbortSignal): Promise<CopyKind>;
  /** The command that runs SQL files; see `sqlCommand`. */
  sqlCommand(jobPath: string): readonly string[];
  /** What lies in an open database; see `compare.ts`. */
  readonly catalogue: typeof comparedCatalogue;
  readonly fingerprint: typeof tableFingerprint;
  readonly tableBytes: typeof tableBytes;
  /** Whether this process has an instance open on the inode. */
  isOpenHere(stat: Pick<FileStat, "device" | "inode">): boolean;
  /** Unlocks one of our descriptors on a database file, and closes it once that drops no lock; see `closeWhenUnused` in `registry.ts`. */
  closeWhenUnused(file: OpenFile): Promise<void>;
}

/** The engine on a platform. All engines of a process share one registry of open files; the spare is each engine's own. */
export function duckdbEngine(platform: Platform): DuckdbEngine {
  const spare = new Spare();
  return {
    open: (options) => openForReading(platform, spare, options),
    prepareSpare: (settings) => spare.prepare(settings),
    dropSpare: () => spare.drop(),
    checkpoint: (path) => checkpoint(platform, path),
    views: (path) => fileViews(platform, path),
    changeViews: (path, changes) => changeViews(platform, path, changes),
    isOneRowOfNulls,
    writeEmptyParquet,
    inspect: (path, name, parquet = []) => inspect(platform, { path, name, parquet }),
    parquetFooters: (paths, signal) => parquetFooters(platform, paths, signal),
    assertParquetEnds: (paths) => assertParquetEnds(platform, paths),
    digest: (paths, signal) => digestFiles(platform, paths, signal),
    copy: (source, target, signal) => copyFile(platform, { source, target, signal }),
    sqlCommand,
    catalogue: comparedCatalogue,
    fingerprint: tableFingerprint,
    tableBytes,
    isOpenHere,
    closeWhenUnused: (file) => closeWhenUnused(platform, file),
  };
}
