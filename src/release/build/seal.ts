import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { dirname } from "node:path";
import { ioError } from "../../platform/io-error.ts";
import type { FileStat, OpenFile } from "../../platform/port.ts";
import type { FileDigest } from "../engine.ts";
import { digestOf } from "./digest.ts";
import type { ReleaseStore } from "../store.ts";

/** A build whose file is complete, durable, hashed, and closed to writers until `release`. */
export interface SealedBuild {
  readonly path: string;
  /** Open with a shared lock: no DuckDB writer gets in, wherever the file is renamed to. */
  readonly file: OpenFile;
  readonly digest: FileDigest;
  /** Gives the lock up; the descriptor closes when no instance of this process is open on the file. */
  release(): Promise<void>;
}

/**
 * Seals the file at `path`: nothing else writes it, its write-ahead log is folded in, it is fsynced and hashed. Throws `BUILD_EMPTY`,
 * `BUILD_UNFINISHED`, `DATABASE_CORRUPT`, `STORAGE_UNSUPPORTED`, `DISK_FULL`.
 */
export async function seal(store: ReleaseStore, path: string, signal: AbortSignal | undefined): Promise<SealedBuild> {
  const { files } = store.platform;
  const stat = await files.stat(path);
  if (stat?.kind !== "file" || stat.bytes === 0) {
    throw new LockkeeperError("BUILD_EMPTY", `the build ended, but ${path} ${whatIsWrong(stat)}`, {
      hint: "Write the database to the path in LOCKKEEPER_BUILD_PATH (also in DUCKDB_PATH).",
      subject: path,
    });
  }
  if ((await files.stat(`${path}.wal`)) !== undefined) {
    await (await lockAgainstWriters(store, path)).release();
    await store.engine.checkpoint(path);
  }
  const { file, release } = await lockAgainstWriters(store, path);
  try {
    await assertNoLog(store, path);
    await file.setMode(0o644);
    await file.sync();
    await files.syncFolder(dirname(path));
    await store.platform.failpoint("seal.synced");
    return { path, file, digest: await digestOf(store, file, signal), release };
  } catch (error) {
    await release();
    throw ioError(error, "seal", path);
  }
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
