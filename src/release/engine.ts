import type { FileStat, OpenFile } from "../platform/port.ts";
import type { ReleaseTable } from "../model/release-record.ts";
import type { QueryRows } from "../model/query.ts";

/** Bytes and sha256 of a file, read whole. */
export interface FileDigest {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A database opened read-only, the way a reader would: attached under the store's constant name. */
export interface Inspection {
  /** For example `v1.5.0`, with the number in the file where the engine does not name it. */
  readonly storageVersion: string;
  /** Tables and views by schema and name; tables with exact row counts. */
  readonly tables: readonly ReleaseTable[];
  /** Views that do not bind, with the engine's first line. */
  readonly brokenViews: readonly { readonly schema: string; readonly name: string; readonly error: string }[];
  query(sql: string): Promise<QueryRows>;
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
  /** Whether this process has an instance open on the inode. */
  isOpenHere(stat: Pick<FileStat, "device" | "inode">): boolean;
  /** Closes a descriptor of ours on a database file once no instance of this process is open on its inode. */
  closeWhenUnused(file: OpenFile): Promise<void>;
}
