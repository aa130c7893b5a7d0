import { join } from "node:path";
import { isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { leaseInvalid, type Lease } from "../../model/lease.ts";
import { buildIdPattern } from "../../model/names.ts";
import { acquireLock, type HeldLock } from "../../platform/lock.ts";
import { lockedFolder, type BuildFolder } from "../build/folder.ts";
import { buildUnknown } from "./fate.ts";
import { readLease } from "./lease-file.ts";
import type { OperationOptions, ReleaseStore } from "../store.ts";

/** Who looks whether a lease has expired holds the folder's lock for a moment, which is no reason to fail: it is waited for at least this long. */
const claimWaitMs = 2_000;

/** The folder of a detached build, held by this process alone. */
export interface ClaimedBuild extends BuildFolder {
  /** Of the folder; its note says who has it, and what for. */
  readonly lock: HeldLock;
  /** Throws `LEASE_INVALID`, `FORMAT_UNSUPPORTED`. */
  lease(): Lease;
}

/**
 * Takes the lock of a detached build's folder. Throws `BUILD_UNKNOWN` where there is none, saying what became of it, and `BUILD_LOCKED` where another commit or
 * abort has it, at once or after `options.waitMs`.
 */
export async function claimBuild(
  store: ReleaseStore,
  id: string,
  options: OperationOptions & { readonly purpose: string },
): Promise<ClaimedBuild> {
  await assertDetached(store, id);
  const lock = await takeFolderLock(store, id, options);
  try {
    // A sweeper or an abort may have had it until now.
    await assertDetached(store, id);
    if (lock.lastHolderDied) {
      options.onProgress?.({
        kind: "cleaned",
        detail: `the last one who had build ${id}, process ${lock.lastHolderDied.pid}, died`,
      });
    }
    const lease = (): Lease => {
      const found = readLease(store, id);
      if (found) return found;
      throw leaseInvalid({ build: id, path: store.paths.lease(id) }, "is missing");
    };
    return { ...lockedFolder(store, { id, basename: stemOf(lease), unlock: () => lock.release() }), lock, lease };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Whether a store has the folder of a detached build. Anything that no id can be is no build. */
export async function hasDetached(store: ReleaseStore, id: string): Promise<boolean> {
  if (!buildIdPattern.test(id)) return false;
  const { files } = store.platform;
  if ((await files.stat(store.paths.build(id)))?.kind !== "folder") return false;
  return (await files.stat(store.paths.lease(id))) !== undefined;
}

async function assertDetached(store: ReleaseStore, id: string): Promise<void> {
  if (!(await hasDetached(store, id))) throw await buildUnknown([store], id);
}

async function takeFolderLock(
  store: ReleaseStore,
  id: string,
  options: OperationOptions & { readonly purpose: string },
): Promise<HeldLock> {
  try {
    return await acquireLock(store.platform, {
      path: join(store.paths.build(id), "lock"),
      code: "BUILD_LOCKED",
      what: `build ${id} of ${store.name}`,
      purpose: `${options.purpose} ${id}`,
      waitMs: Math.max(options.waitMs ?? 0, claimWaitMs),
      signal: options.signal,
      onWait: (holder) =>
        options.onProgress?.({ kind: "waiting", detail: `build ${id} is held by process ${holder?.pid ?? "unknown"}` }),
    });
  } catch (error) {
    // It went while its lock was waited for.
    if (!isLockkeeperError(error, "INTERRUPTED")) await assertDetached(store, id);
    throw error;
  }
}

/** An abort needs no lease that can be read, only the folder. */
function stemOf(lease: () => Lease): string {
  try {
    return lease().basename;
  } catch (error) {
    if (!(error instanceof LockkeeperError)) throw error;
    return "";
  }
}
