import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { errnoOf, ioError } from "./io-error.ts";

/** Not to wait for the writer of a FIFO. Windows has neither. */
const nonBlocking = process.platform === "win32" ? 0 : constants.O_NONBLOCK;

/**
 * A small text file that a person wrote, such as the configuration; `undefined` where there is none. Unlike a store's files it may be a
 * symbolic link, which is how mounted configurations come. Throws `USAGE` when it is not a regular file, is larger than `bytesMax`
 * or is not UTF-8, and `PERMISSION_DENIED`, `IO_FAILED`, … as the system says.
 */
export async function readTextFile(path: string, bytesMax: number): Promise<string | undefined> {
  let bytes: Buffer;
  try {
    const file = await open(path, constants.O_RDONLY | nonBlocking);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw refused(path, "is not a regular file");
      if (stat.size > bytesMax) throw refused(path, `has ${stat.size} bytes; at most ${bytesMax} are read`);
      bytes = await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    if (errnoOf(error) === "ELOOP") throw refused(path, "is a link that leads back to itself");
    throw ioError(error, "read", path);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new LockkeeperError("USAGE", `${path} is not text in UTF-8`, { subject: path, cause });
  }
}

function refused(path: string, what: string): LockkeeperError {
  return new LockkeeperError("USAGE", `${path} ${what}`, { hint: "Name a text file.", subject: path });
}
