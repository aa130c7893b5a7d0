import type { SqliteDatabase } from "../../model/sqlite.ts";
import type { Platform } from "../../platform/port.ts";
import { askSqliteChild } from "./child.ts";
import { assertDriver } from "./driver.ts";
import { openSqlite } from "./open.ts";

/** SQLite, as the reader and the release store need it. It is loaded at its first use. */
export interface SqliteEngine {
  /** Whether the package is there in a version that runs here; loads nothing. Throws `FEATURE_MISSING`. */
  assertInstalled(): void;
  /** Opens a sealed file for reading; see `openSqlite`. */
  open(path: string): Promise<SqliteDatabase>;
  /**
   * Makes a built file one that nobody has to write to again, in a child process: rolls back what a killed writer left in a journal, folds a write-ahead log in, takes the file
   * out of WAL mode, has `PRAGMA integrity_check` read all of it, and sees that nothing is left beside it. Not synced. Throws `BUILD_EMPTY` where it is missing or empty,
   * `BUILD_UNFINISHED` where another process has it open, `DATABASE_CORRUPT` with the check's first finding, `PERMISSION_DENIED`, `DISK_FULL`, `FEATURE_MISSING`, `INTERRUPTED`.
   */
  seal(path: string, signal?: AbortSignal): Promise<void>;
  /**
   * Copies a database that others may write, as it is at one moment, in a child process, with SQLite's online backup. Where nothing lies at `target`; there it is a file of its
   * own in rollback-journal mode. Not synced, not checked; interrupted, it leaves a part. In WAL mode writers go on meanwhile, else they wait. The source is opened read-only; in WAL mode SQLite needs
   * its `-shm` beside it, and makes one. Throws `FILE_MISSING`, `FILE_LOCKED`, `DATABASE_CORRUPT`, `PERMISSION_DENIED`, `DISK_FULL`, `FEATURE_MISSING`, `INTERRUPTED`.
   */
  copy(source: string, target: string, signal?: AbortSignal): Promise<void>;
}

/** The engine on a platform. */
export function sqliteEngine(platform: Platform): SqliteEngine {
  return {
    assertInstalled: assertDriver,
    open: (path) => openSqlite(platform, path),
    seal: (path, signal) => askSqliteChild(platform, "seal", { paths: [path], signal }),
    copy: (source, target, signal) => askSqliteChild(platform, "copy", { paths: [source, target], signal }),
  };
}
