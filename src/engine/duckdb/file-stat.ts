import { ioError } from "../../platform/io-error.ts";
import type { FileStat, Platform } from "../../platform/port.ts";

/** The file that opening `path` reaches, symbolic links followed; `undefined` where there is none. Throws `PERMISSION_DENIED`, `IO_FAILED`. */
export async function fileStat(platform: Platform, path: string): Promise<FileStat | undefined> {
  try {
    const stat = platform.files.statNow(path);
    if (stat?.kind !== "symlink") return stat;
    const target = await platform.files.resolve(path);
    return target === undefined ? undefined : platform.files.statNow(target);
  } catch (error) {
    throw ioError(error, "look at", path);
  }
}
