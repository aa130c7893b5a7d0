import type { LockHolder } from "../errors/lockkeeper-error.ts";
import { acquireLock, holderName, type HeldLock } from "../platform/lock.ts";
import type { OperationOptions, ReleaseStore } from "./store.ts";

/** A finished build does not fail because a rollback holds the writer lock for a moment: it waits at least this long. */
export const installWaitMs = 60_000;

/**
 * Runs `critical` under the store's writer lock, which guards install → switch → history → prune, rollback and adopt. Held by another:
 * `WRITER_LOCKED`, at once or after `options.waitMs`.
 */
export async function underWriterLock<T>(
  store: ReleaseStore,
  options: OperationOptions & { readonly purpose: string },
  critical: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  const lock = await acquireLock(store.platform, {
    path: store.paths.writerLock,
    code: "WRITER_LOCKED",
    what: `the writer lock of ${store.name}`,
    purpose: `${options.purpose} ${store.name}`,
    waitMs: options.waitMs ?? 0,
    signal: options.signal,
    onWait: (holder) => options.onProgress?.({ kind: "waiting", detail: `the writer lock is held by ${nameOf(store, holder)}` }),
  });
  try {
    if (lock.lastHolderDied) {
      options.onProgress?.({ kind: "cleaned", detail: `the last writer, ${nameOf(store, lock.lastHolderDied)}, died` });
    }
    return await critical(lock);
  } finally {
    await lock.release();
  }
}

/**
 * Takes the lock of attached builds. A build command inherits its descriptor, so that it stays held while an orphaned command runs.
 * Throws `BUILD_LOCKED`.
 */
export async function takeBuildLock(store: ReleaseStore, options: OperationOptions): Promise<HeldLock> {
  return acquireLock(store.platform, {
    path: store.paths.buildLock,
    code: "BUILD_LOCKED",
    what: `the build lock of ${store.name}`,
    purpose: `publish ${store.name}`,
    waitMs: options.waitMs ?? 0,
    signal: options.signal,
    onWait: (holder) => options.onProgress?.({ kind: "waiting", detail: `another build is under way: ${nameOf(store, holder)}` }),
  });
}

function nameOf({ platform }: ReleaseStore, holder: LockHolder | undefined): string {
  return holder ? holderName(platform, holder) : "an unknown process";
}
