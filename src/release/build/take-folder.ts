import { basename, dirname, join } from "node:path";
import { throwIfInterrupted } from "../../errors/interrupted.ts";
import { isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { mayHoldParquet, parquetFolder } from "../../model/parquet-folder.ts";
import { makeFolders, removeTree } from "../../platform/files.ts";
import { ioError } from "../../platform/io-error.ts";
import type { FileStat } from "../../platform/port.ts";
import { listTree } from "../../platform/tree.ts";
import type { ReleaseStore } from "../store.ts";
import type { BuildFolder } from "./folder.ts";
import { lockAgainstWriters } from "./seal.ts";

/** How often a folder that moves underfoot is copied anew. */
const attemptsMax = 5;

/** Pause after the first try that met a change; it doubles with each. Milliseconds. */
const pauseMs = 250;

/** A file of a folder that another program writes, as it was looked at. */
interface Seen {
  /** Relative to the folder, with `/`. */
  readonly name: string;
  readonly kind: "duckdb" | "sqlite" | "parquet";
  readonly stat: FileStat;
}

/** Where a build's files come from. */
interface Taking {
  /** Absolute. */
  readonly source: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * Copies the files of the store's artifacts out of a folder that another program writes in place, as one set: all of them are looked at before and after the copying, and where anything differs, or the engine is in the middle
 * of a file, the copies go and it begins anew. Never a hard link: whoever writes there may go on writing the same file. Throws `BUILD_EMPTY`, `SOURCE_MOVING` where the folder does not stand
 * still for long enough, `BUILD_FAILED` for a link, `FILE_LOCKED` for a database that a writer has open, `BUILD_UNFINISHED` for one with a write-ahead log, `FEATURE_MISSING`, `DISK_FULL`, `INTERRUPTED`.
 */
export async function takeFolder(store: ReleaseStore, build: BuildFolder, taking: Taking): Promise<void> {
  const { clock } = store.platform;
  for (let attempt = 1; ; attempt += 1) {
    const before = await lookAt(store, build, taking.source);
    assertSomething(before.files, taking.source);
    const moved =
      before.unfinished ??
      (await copyAll(store, build, { ...taking, files: before.files })) ??
      difference(before.files, await lookAt(store, build, taking.source));
    if (moved === undefined) return;
    for (const { name } of before.files) await removeTree(store.platform, targetOf(build, name));
    if (attempt >= attemptsMax) throw moving(join(taking.source, moved));
    await clock.wait(pauseMs * 2 ** (attempt - 1), taking.signal ? { signal: taking.signal } : {}).catch(() => undefined);
    throwIfInterrupted(taking.signal, "the build");
  }
}

/** How much there is to copy, as it lies there now. Throws `BUILD_FAILED` for a link. */
export async function bytesToTake(store: ReleaseStore, source: string, build: Pick<BuildFolder, "basename">): Promise<number> {
  const { files } = await lookAt(store, build, source);
  return files.reduce((sum, { stat }) => sum + stat.bytes, 0);
}

/** What lies there now; `unfinished` is a file that the engine is about to put in the place of another. */
async function lookAt(
  store: ReleaseStore,
  build: Pick<BuildFolder, "basename">,
  source: string,
): Promise<{ readonly files: readonly Seen[]; readonly unfinished: string | undefined }> {
  const { files } = store.platform;
  const found: Seen[] = [];
  for (const artifact of store.artifacts) {
    const name = artifact.kind === "duckdb" ? `${build.basename}.duckdb` : artifact.path;
    const path = join(source, ...name.split("/"));
    const stat = await files.stat(path);
    if (stat === undefined) continue;
    if (stat.kind !== (artifact.kind === "parquet" ? "folder" : "file")) throw notThere(path, stat);
    if (artifact.kind !== "parquet") found.push({ name, kind: artifact.kind, stat });
  }
  const entries = await listTree(store.platform, source, mayHoldParquet);
  const { tables, problems } = parquetFolder(
    store.artifacts,
    entries.map(({ path, stat }) => ({ path, kind: stat.kind })),
  );
  const stats = new Map(entries.map(({ path, stat }) => [path, stat]));
  // What may not be there is copied, too: the checks refuse it, and say why.
  const names = new Set([...tables.flatMap((table) => table.files), ...problems.map(({ path }) => path)]);
  for (const name of names) {
    const stat = stats.get(name);
    if (stat?.kind === "file") found.push({ name, kind: "parquet", stat });
    // Left out, a table would be missing and nobody be told.
    else if (stat !== undefined) throw notThere(join(source, ...name.split("/")), stat);
  }
  return { files: found, unfinished: problems.find(({ path }) => isUnfinished(path))?.path };
}

/** The name of a file that went away meanwhile; `undefined` where all are copied. */
async function copyAll(
  store: ReleaseStore,
  build: BuildFolder,
  { source, signal, files }: Taking & { readonly files: readonly Seen[] },
): Promise<string | undefined> {
  for (const { name, kind } of files) {
    throwIfInterrupted(signal, "the build");
    const [from, to] = [join(source, ...name.split("/")), targetOf(build, name)];
    await makeFolders(store.platform, build.folder, dirname(to));
    try {
      if (kind === "duckdb") await copyDatabase(store, { from, to, signal });
      else if (kind === "sqlite") await store.sqlite.copy(from, to, signal);
      else await store.platform.files.copy(from, to);
    } catch (cause) {
      const error = ioError(cause, "copy", from);
      if (error.code !== "FILE_MISSING") throw error;
      return name;
    }
  }
  return undefined;
}

/** Held against writers meanwhile; what is in a log beside it would be lost. */
async function copyDatabase(
  store: ReleaseStore,
  { from, to, signal }: { readonly from: string; readonly to: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { release } = await lockAgainstWriters(store, from).catch((error: unknown) => {
    if (!isLockkeeperError(error, "BUILD_UNFINISHED")) throw error;
    throw new LockkeeperError("FILE_LOCKED", `another process has ${from} open for writing`, {
      hint: "Let it finish, or stop it, then try again.",
      subject: from,
    });
  });
  try {
    if ((await store.platform.files.stat(`${from}.wal`)) !== undefined) {
      throw new LockkeeperError(
        "BUILD_UNFINISHED",
        `${from} has a write-ahead log beside it, so a plain copy would lack its last rows`,
        {
          hint: "Open it once with DuckDB, run CHECKPOINT, close it, then try again.",
          subject: `${from}.wal`,
        },
      );
    }
    await store.engine.copy(from, to, signal);
  } finally {
    await release();
  }
}

/** The name of a file that came, went or changed. */
function difference(
  before: readonly Seen[],
  { files: after, unfinished }: { readonly files: readonly Seen[]; readonly unfinished: string | undefined },
): string | undefined {
  const key = ({ stat }: Seen) => [stat.kind, stat.device, stat.inode, stat.bytes, stat.modifiedNs, stat.changedNs].join(" ");
  const was = new Map(before.map((seen) => [seen.name, key(seen)]));
  const is = new Map(after.map((seen) => [seen.name, key(seen)]));
  return unfinished ?? [...was.keys(), ...is.keys()].find((name) => was.get(name) !== is.get(name));
}

function targetOf({ folder }: BuildFolder, name: string): string {
  return join(folder, ...name.split("/"));
}

function assertSomething(files: readonly Seen[], source: string): void {
  if (files.length > 0) return;
  throw new LockkeeperError("BUILD_EMPTY", `${source} has no file of the store's artifacts`, {
    hint: "Files lie there as in a build's folder: each artifact below its `path`.",
    subject: source,
  });
}

function notThere(path: string, { kind }: FileStat): LockkeeperError {
  return new LockkeeperError("BUILD_FAILED", `${path} cannot be copied: what lies there is a ${kind}`, {
    hint: "Links are not followed, for they may be turned while their files are copied: put the files themselves there.",
    subject: path,
  });
}

function moving(path: string): LockkeeperError {
  return new LockkeeperError(
    "SOURCE_MOVING",
    `${path} and what lies beside it were written while they were copied, ${attemptsMax} times`,
    {
      hint: isUnfinished(path)
        ? "It is what the engine has begun. Where no program is at it any more one was killed there: remove the file."
        : "Publish when the program that writes there has finished. Nothing was switched.",
      subject: path,
    },
  );
}

/** The engine overwrites a file by way of another beside it. */
function isUnfinished(path: string): boolean {
  return basename(path).startsWith("tmp_");
}
