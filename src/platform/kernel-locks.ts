import { createRequire } from "node:module";
import { isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";
import { errnoOf, ioError } from "./io-error.ts";
import { fileName, listKernelLocks, lockHolders } from "./lock-holders.ts";
import type { FileStat, KernelLocks, LockRange, OpenFile } from "./port.ts";

interface LockAddon {
  tryLock(descriptor: number, offset: number, length: number, options: { shared: boolean }): boolean;
  unlock(descriptor: number, offset: number, length: number): void;
}

const windows = process.platform === "win32";

/**
 * What a lock covers. On Windows locks are mandatory, so one byte far behind any content, which leaves the owner note
 * readable; elsewhere the whole file, which is also what `fcntl.lockf` of other programs asks for.
 */
const defaultRange: LockRange = windows ? { offset: 2 ** 40, length: 1 } : { offset: 0, length: 0 };

let addon: LockAddon | undefined;

/** The kernel's open-file-description locks (`flock` on macOS, `LockFileEx` on Windows), through a prebuilt addon. Throws `PLATFORM_UNSUPPORTED` where there is none. */
export const nodeKernelLocks: KernelLocks = {
  tryLock(file: OpenFile, mode: "shared" | "exclusive", range = defaultRange): boolean {
    const locks = loadAddon();
    try {
      return locks.tryLock(file.descriptor, range.offset, range.length, { shared: mode === "shared" });
    } catch (error) {
      // The addon knows EAGAIN only; of a range that another holds Windows says ERROR_LOCK_VIOLATION, which libuv calls EBUSY.
      if (windows && errnoOf(error) === "EBUSY") return false;
      throw ioError(error, "lock", file.path);
    }
  },
  unlock(file: OpenFile, range = defaultRange): void {
    const locks = loadAddon();
    try {
      locks.unlock(file.descriptor, range.offset, range.length);
    } catch {
      // The kernel has no memory for a lock's end. The close that follows every unlock gives it up as well.
    }
  },
  async count(stat: FileStat): Promise<number | undefined> {
    return listKernelLocks(new Set([fileName(stat)]))?.length;
  },
  holders: lockHolders,
};

/** Why there are no kernel locks on this platform: `PLATFORM_UNSUPPORTED`. `undefined` where the addon loads. */
export function lockAddonProblem(): LockkeeperError | undefined {
  try {
    loadAddon();
    return undefined;
  } catch (error) {
    if (isLockkeeperError(error)) return error;
    throw error;
  }
}

function loadAddon(): LockAddon {
  if (addon) return addon;
  try {
    addon = createRequire(import.meta.url)("fs-native-extensions") as LockAddon;
    return addon;
  } catch (cause) {
    throw new LockkeeperError("PLATFORM_UNSUPPORTED", `no kernel lock addon for ${process.platform}-${process.arch}`, {
      hint: "Builds exist for Linux with glibc, macOS and Windows; on Alpine use a Debian-based image.",
      cause,
    });
  }
}
