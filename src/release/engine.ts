import type { ParquetFooter, ParquetSource } from "../model/artifact.ts";
import type { FileStat, OpenFile } from "../platform/port.ts";
import type { ReleaseTable } from "../model/release-record.ts";
import type { QueryOptions, QueryRows } from "../model/query.ts";

/** Bytes and sha256 of a file, read whole. */
export interface FileDigest {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A view that binds for a reader of ours, but not everywhere. */
export interface UnportableView {
  readonly schema: string;
  readonly name: string;
  /** `catalogue`: only while the file is attached under its own name. `files`: only where it finds files outside the database. */
  readonly needs: "catalogue" | "files";
  /** The engine's first line without what it needs; of `files` it names the path. */
  readonly error: string;
  /** The statement that made it. */
  readonly definition: string;
}

/** A release's files opened read-only, the way a reader would: the DuckDB file attached under the store's constant name, Parquet tables as views beside it. */
export interface Inspection {
  /** For example `v1.5.0`, with the number in the file where the engine does not name it; `none` without a DuckDB file. */
  readonly storageVersion: string;
  /**
   * Tables and views by schema and name, then the Parquet tables; tables with exact row counts. `parquet` of the latter has an empty `path`: where they lie in the release, the caller
   * knows.
   */
  readonly tables: readonly ReleaseTable[];
  /** Views of the DuckDB file that do not bind, with the engine's first line. */
  readonly brokenViews: readonly { readonly schema: string; readonly name: string; readonly error: string }[];
  readonly unportableViews: readonly UnportableView[];
  /**
   * One statement that only reads, to its end. Throws `QUERY_FAILED`, `QUERY_REFUSED`, `LIMIT_ROWS`, `LIMIT_TIME`, `INTERRUPTED`, and `DATABASE_CORRUPT` for a
   * damaged block.
   */
  query(sql: string, options?: QueryOptions): Promise<QueryRows>;
  /** A name as SQL has it, whatever is in it. */
  identifier(name: string): string;
  /** A text as a SQL string, whatever is in it. */
  literal(text: string): string;
  close(): Promise<void>;
}

/** A view of a database file, whether or not it binds. */
export interface FileView {
  readonly schema: string;
  readonly name: string;
  /** The statement that made it. */
  readonly definition: string;
  /** The engine's first line, where it does not bind. */
  readonly error?: string;
}

/** What building a release needs of an engine. */
export interface ReleaseEngine {
  /** The views of a file, with what is in a log beside it. Throws `FILE_LOCKED`, `FILE_MISSING`, `DATABASE_CORRUPT`, `STORAGE_UNSUPPORTED`. */
  views(path: string): Promise<readonly FileView[]>;
  /** Drops views of a file and shows tables of Parquet files in it, all or nothing; makes a file that is missing. Throws as `views` does, and `DISK_FULL`. */
  changeViews(
    path: string,
    changes: {
      readonly drop: readonly { readonly schema: string; readonly name: string }[];
      readonly show: readonly ParquetSource[];
    },
  ): Promise<void>;
  /** Whether a table of Parquet files has one row, NULL in every column. Throws `DATABASE_CORRUPT`. */
  isOneRowOfNulls(source: ParquetSource): Promise<boolean>;
  /** Writes a Parquet file with the columns of a table and no row, columns of folder names among them, to where nothing lies. Not synced. Throws `DATABASE_CORRUPT`, `DISK_FULL`. */
  writeEmptyParquet(source: ParquetSource, target: string): Promise<void>;
  /**
   * Folds a write-ahead log into its file and removes it. Throws `FILE_LOCKED`, `DATABASE_CORRUPT`, `STORAGE_UNSUPPORTED`.
   */
  checkpoint(path: string): Promise<void>;
  /** Without a `path` there is no DuckDB file. Throws `FILE_LOCKED`, `FILE_MISSING`, `STORAGE_UNSUPPORTED`, and `DATABASE_CORRUPT`, also for a Parquet table that does not bind. */
  inspect(path: string | undefined, name: string, parquet?: readonly ParquetSource[]): Promise<Inspection>;
  /**
   * What the ends of Parquet files tell, in the order of `paths`. Throws `FILE_MISSING`; `BUILD_UNFINISHED` for a file without an end, `DATABASE_CORRUPT` for one with another damage,
   * each naming the file; `INTERRUPTED`.
   */
  parquetFooters(paths: readonly string[], signal?: AbortSignal): Promise<ParquetFooter[]>;
  /** Digests files in a child process: opening them here would drop this process's own locks on them. */
  digest(paths: readonly string[], signal?: AbortSignal): Promise<FileDigest[]>;
  /** Copies a file to where nothing lies, never as a hard link, in a child process for the same reason. Not synced; interrupted, it leaves a part. */
  copy(source: string, target: string, signal?: AbortSignal): Promise<"reflink" | "copy">;
  /**
   * The command that runs SQL files on the file in `LOCKKEEPER_BUILD_PATH`, one after the other; `jobPath` names a JSON document `{files: [{path, text}]}`. It exits 0, or
   * another code with file, line, reason and statement on its last line.
   */
  sqlCommand(jobPath: string): readonly string[];
  /** Whether this process has an instance open on the inode. */
  isOpenHere(stat: Pick<FileStat, "device" | "inode">): boolean;
  /** Closes a descriptor of ours on a database file once no instance of this process is open on its inode. */
  closeWhenUnused(file: OpenFile): Promise<void>;
}

/** What building a release needs of SQLite. Both throw `FEATURE_MISSING` where the package for it is not installed, and `INTERRUPTED`. */
export interface SqliteTools {
  /** Throws `FEATURE_MISSING` where SQLite files cannot be handled here. */
  assertInstalled(): void;
  /**
   * Makes a built file one that nobody has to write to again. Not synced. Throws `BUILD_EMPTY` where it is missing or empty, `BUILD_UNFINISHED` where another process has it open,
   * `DATABASE_CORRUPT` for what does not pass the integrity check, `PERMISSION_DENIED`, `DISK_FULL`.
   */
  seal(path: string, signal?: AbortSignal): Promise<void>;
  /**
   * Copies a database that others may write to where nothing lies, as it is at one moment. Not synced. Throws `FILE_MISSING`, `FILE_LOCKED`, `DATABASE_CORRUPT`, `PERMISSION_DENIED`,
   * `DISK_FULL`.
   */
  copy(source: string, target: string, signal?: AbortSignal): Promise<void>;
}
