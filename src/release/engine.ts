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

/** A database opened read-only, the way a reader would: attached under the store's constant name. */
export interface Inspection {
  /** For example `v1.5.0`, with the number in the file where the engine does not name it. */
  readonly storageVersion: string;
  /** Tables and views by schema and name; tables with exact row counts. */
  readonly tables: readonly ReleaseTable[];
  /** Views that do not bind, with the engine's first line. */
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

/** What building a release needs of an engine. */
export interface ReleaseEngine {
  /**
   * Folds a write-ahead log into its file and removes it. Throws `FILE_LOCKED`, `DATABASE_CORRUPT`, `STORAGE_UNSUPPORTED`.
   */
  checkpoint(path: string): Promise<void>;
  /** Throws `FILE_LOCKED`, `FILE_MISSING`, `DATABASE_CORRUPT`, `STORAGE_UNSUPPORTED`. */
  inspect(path: string, name: string): Promise<Inspection>;
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
