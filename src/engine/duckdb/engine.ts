import type { FileStat, OpenFile, Platform } from "../../platform/port.ts";
import { checkpoint } from "./checkpoint.ts";
import { digestFiles, type Digest } from "./digest.ts";
import type { Database } from "./database.ts";
import { inspect, type DuckdbInspection } from "./inspect.ts";
import type { Settings } from "./instance.ts";
import { openForReading, type OpenOptions } from "./open.ts";
import { closeWhenUnused, isOpenHere } from "./registry.ts";
import { Spare } from "./spare.ts";

export { defaultConcurrency } from "./concurrency.ts";

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
  /** Opens a file as a reader would and tells what lies in it; see `inspect`. */
  inspect(path: string, name: string): Promise<DuckdbInspection>;
  /** Bytes and sha256 of files, read in a child process; see `digestFiles`. */
  digest(paths: readonly string[], signal?: AbortSignal): Promise<Digest[]>;
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
    inspect: (path, name) => inspect(platform, path, name),
    digest: (paths, signal) => digestFiles(platform, paths, signal),
    isOpenHere,
    closeWhenUnused: (file) => closeWhenUnused(platform, file),
  };
}
