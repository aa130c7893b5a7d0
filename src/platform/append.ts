import { closeSync, constants, openSync, writeSync } from "node:fs";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { ioError } from "./io-error.ts";

/** Not to wait for the reader of a FIFO. Windows has neither. */
const nonBlocking = process.platform === "win32" ? 0 : constants.O_NONBLOCK;

/** A file to append to; others may append to it, too. */
export interface AppendedFile {
  /** Writes at the file's end in one call, on the calling thread. Throws `DISK_FULL`, `IO_FAILED`, … */
  append(text: string): void;
  /** May be called again. */
  close(): void;
}

/** Opens a file to append to, and makes it where it is missing. Throws `PERMISSION_DENIED`, `FILE_MISSING` for a missing folder, `IO_FAILED`, … */
export function openAppended(path: string): AppendedFile {
  const { O_APPEND, O_CREAT, O_WRONLY } = constants;
  let descriptor: number | undefined = tried(path, () => openSync(path, O_WRONLY | O_APPEND | O_CREAT | nonBlocking, 0o644));
  return {
    append(text) {
      const bytes = Buffer.from(text);
      const open = descriptor;
      if (open === undefined) throw new LockkeeperError("BUG", `${path} was closed and is appended to`);
      const count = tried(path, () => writeSync(open, bytes));
      if (count === bytes.length) return;
      throw new LockkeeperError("DISK_FULL", `${path} took ${count} of ${bytes.length} bytes`, {
        hint: "Free some space on this volume.",
        subject: path,
      });
    },
    close() {
      const open = descriptor;
      descriptor = undefined;
      if (open !== undefined) closeSync(open);
    },
  };
}

function tried<Result>(path: string, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    throw ioError(error, "append to", path);
  }
}
