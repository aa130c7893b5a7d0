import { join } from "node:path";
import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Lease } from "../../model/lease.ts";
import { formatDuration } from "../../model/units.ts";
import { sameInode } from "../../platform/files.ts";
import { errnoOf } from "../../platform/io-error.ts";
import type { OpenFile } from "../../platform/port.ts";
import { discardFolder, lockedFolder, unlocker } from "../build/folder.ts";
import { reportExpired } from "../build/report.ts";
import type { OperationOptions, ReleaseStore } from "../store.ts";
import { warn } from "../warn.ts";
import { readLease, verdictOf, writeLease } from "./lease-file.ts";

/** What a sweep did with one build folder. */
type Swept = "kept" | "removed" | "expired" | "renewed";

/** A build folder that a sweep found something to do with. */
export interface SweptBuild {
  readonly id: string;
  readonly swept: Exclude<Swept, "kept"> | "failed";
}

/** How far a sweep goes. */
export interface SweepOptions extends OperationOptions {
  /** Whether the build lock is held: then no command started by a dead publisher writes in what it left. */
  readonly attached: boolean;
}

/**
 * Clears build folders that nobody will finish: what a killed publisher left is removed, a detached build whose lease has expired goes to quarantine unless
 * a file in it is locked. A lease that is in force, or cannot be read, is left alone; one whose builder has written messages is renewed. What cannot be cleared is told: a leftover is no
 * reason not to build.
 */
export async function sweepBuilds(store: ReleaseStore, options: SweepOptions): Promise<SweptBuild[]> {
  const found: SweptBuild[] = [];
  for (const id of await store.platform.files.list(store.paths.builds)) {
    try {
      const swept = await sweepBuild(store, id, options);
      if (swept !== "kept") found.push({ id, swept });
      if (swept === "removed") cleaned(options, `removed build ${id}, which nobody finished`);
      if (swept === "expired") cleaned(options, `moved build ${id}, whose lease expired, into quarantine`);
    } catch (error) {
      found.push({ id, swept: "failed" });
      warn(options, `build ${id}, which nobody finished, could not be removed`, error);
    }
  }
  return found;
}

function cleaned(options: OperationOptions, detail: string): void {
  options.onProgress?.({ kind: "cleaned", detail });
}

async function sweepBuild(store: ReleaseStore, id: string, options: SweepOptions): Promise<Swept> {
  const folder = store.paths.build(id);
  const kind = (await store.platform.files.stat(folder))?.kind;
  if (kind !== "folder") {
    if (kind === undefined || !options.attached) return "kept";
    await discardFolder(store, { folder, unlock: async () => undefined });
    return "removed";
  }
  // Looked at without its lock first: a commit must not be turned away by a sweeper that has nothing to do.
  if (!(await isDue(store, id, options))) return "kept";
  const lock = await tryFolderLock(store, folder);
  if (!lock) return "kept";
  const unlock = unlocker(store, lock);
  try {
    const lease = leaseToJudge(store, id);
    if (lease === "unreadable") return "kept";
    if (lease) return await judgeUnderLock(store, { lease, unlock, options });
    if (!options.attached && !(await isUnmade(store, folder))) return "kept";
    await discardFolder(store, { folder, unlock });
    return "removed";
  } finally {
    await unlock();
  }
}

async function isDue(store: ReleaseStore, id: string, options: SweepOptions): Promise<boolean> {
  const lease = leaseToJudge(store, id);
  if (lease === "unreadable") {
    warn(
      options,
      `build ${id} is left alone`,
      new Error(`its lease cannot be read; \`lockkeeper build abort ${id}\` removes it`),
    );
    return false;
  }
  if (lease === undefined) return options.attached || (await isUnmade(store, store.paths.build(id)));
  const { state, active } = await verdictOf(store, lease);
  return state === "expired" || active;
}

function leaseToJudge(store: ReleaseStore, id: string): Lease | "unreadable" | undefined {
  try {
    return readLease(store, id);
  } catch (error) {
    if (!isLockkeeperError(error, "LEASE_INVALID", "FORMAT_UNSUPPORTED")) throw error;
    return "unreadable";
  }
}

interface Judged {
  readonly lease: Lease;
  readonly unlock: () => Promise<void>;
  readonly options: SweepOptions;
}

async function judgeUnderLock(store: ReleaseStore, { lease, unlock, options }: Judged): Promise<Swept> {
  const { state, active } = await verdictOf(store, lease);
  if (active) {
    await writeLease(store, lease);
    return "renewed";
  }
  const folder = store.paths.build(lease.build);
  if (state !== "expired" || (await isInUse(store, folder))) return "kept";
  const { renewed, leaseMs } = lease;
  const detail = `lease expired: it was last renewed at ${renewed.at} for ${formatDuration(leaseMs)}${rebooted(store, lease)}`;
  await reportExpired(
    { store, folder: lockedFolder(store, { id: lease.build, basename: lease.basename, unlock }), options },
    detail,
  );
  return "expired";
}

function rebooted(store: ReleaseStore, { renewed }: Lease): string {
  return renewed.bootId === store.platform.processes.self().bootId ? "" : ", before the machine was started anew";
}

/** `undefined` where another holds it, or the folder is gone. */
async function tryFolderLock(store: ReleaseStore, folder: string): Promise<OpenFile | undefined> {
  const { files, locks } = store.platform;
  const path = join(folder, "lock");
  let file: OpenFile;
  try {
    // Made where it is missing: who is about to make it then finds it taken, and makes another folder.
    file = await files.open(path, "update");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  let ours = false;
  try {
    ours = locks.tryLock(file, "exclusive") && sameInode(await file.stat(), await files.stat(path));
    return ours ? file : undefined;
  } finally {
    if (!ours) await file.close();
  }
}

/** Whether a folder's making was cut short: it has neither a lease nor the log that is there before anything is run for a publish, and nobody is inside. */
async function isUnmade(store: ReleaseStore, folder: string): Promise<boolean> {
  const names = await store.platform.files.list(folder);
  return !names.includes("build.log") && !(await isInUse(store, folder));
}

/**
 * Whether anybody has a file below a folder locked, its own lock apart. A file that this process has open is never opened here: that would drop the
 * engine's lock on it (FACTS 1.3).
 */
async function isInUse(store: ReleaseStore, folder: string, ownLock = "lock"): Promise<boolean> {
  const { files } = store.platform;
  for (const name of await files.list(folder)) {
    const path = join(folder, name);
    const kind = (await files.stat(path))?.kind;
    if (kind === "folder" && (await isInUse(store, path, ""))) return true;
    if (kind === "file" && name !== ownLock && (await isFileInUse(store, path))) return true;
  }
  return false;
}

async function isFileInUse(store: ReleaseStore, path: string): Promise<boolean> {
  const { files, locks } = store.platform;
  const stat = await files.stat(path);
  if (stat?.kind !== "file") return false;
  if (store.engine.isOpenHere(stat) || ((await locks.count(stat)) ?? 0) > 0) return true;
  const file = await files.open(path, "read").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (!file) return false;
  try {
    return !locks.tryLock(file, "shared");
  } finally {
    await file.close();
  }
}
