import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { errnoOf, ioError } from "./io-error.ts";
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
    if (process.platform !== "linux") return undefined;
    const table = await readFile("/proc/locks", "utf8").catch(() => undefined);
    if (table === undefined) return undefined;
    const key = ` ${deviceName(stat.device)}:${stat.inode} `;
    return table.split("\n").filter((line) => line.includes(key) && !line.includes("->")).length;
  },
};

/** A device number as `/proc/locks` prints it: major and minor in hexadecimal, at least two digits. */
function deviceName(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return `${major.toString(16).padStart(2, "0")}:${(minor & 0xffffffffn).toString(16).padStart(2, "0")}`;
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
