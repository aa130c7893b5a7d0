import { constants } from "node:os";
import type { ErrorCode } from "../errors/codes.ts";
import { firstLine, isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";

const known: Record<string, { readonly code: ErrorCode; readonly hint: string }> = {
  ENOSPC: { code: "DISK_FULL", hint: "Free some space on this volume and try again." },
  EDQUOT: { code: "DISK_FULL", hint: "The quota of this user is used up; free some space and try again." },
  EFBIG: { code: "DISK_FULL", hint: "The file is larger than this file system or process may write." },
  EMFILE: { code: "LIMIT_FILES", hint: "Raise the limit of open files (ulimit -n) or close what is not needed." },
  ENFILE: { code: "LIMIT_FILES", hint: "The system has no file descriptor left." },
  EACCES: { code: "PERMISSION_DENIED", hint: "Run as the user that owns the folder, or change its mode." },
  EPERM: { code: "PERMISSION_DENIED", hint: "Run as the user that owns the folder, or change its mode." },
  EROFS: { code: "READ_ONLY", hint: "Publish from a host or container that has the folder mounted writable." },
  ENOENT: { code: "FILE_MISSING", hint: "Check the path." },
};

/** Names of the system's errors that libuv has none for, such as `EDQUOT`: Node calls them "Unknown system error -122". */
const unnamed = /^Unknown system error/;

/** Node's error code (`ENOSPC`, …) of a thrown value, if it has one; by the system's table where Node knows no name. */
export function errnoOf(error: unknown): string | undefined {
  const { code, errno } = (error ?? {}) as { readonly code?: unknown; readonly errno?: unknown };
  if (typeof code !== "string") return undefined;
  if (!unnamed.test(code)) return code;
  const [name] = Object.entries(constants.errno).find(([, number]) => number === -Number(errno)) ?? [];
  return name ?? "EIO";
}

/**
 * Our error for a failed file operation: `what` completes "cannot …". Our own errors pass through unchanged.
 */
export function ioError(error: unknown, what: string, path: string): LockkeeperError {
  if (isLockkeeperError(error)) return error;
  const errno = errnoOf(error);
  const entry = errno === undefined ? undefined : known[errno];
  const reason = errno ?? firstLine(error);
  return new LockkeeperError(entry?.code ?? "IO_FAILED", `cannot ${what} ${path}: ${reason}`, {
    hint: entry?.hint ?? "Look at the system's log for the device, then try again.",
    subject: path,
    cause: error,
  });
}
