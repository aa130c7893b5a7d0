import type { ErrorCode } from "../../errors/codes.ts";
import { firstLine, isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { ioError } from "../../platform/io-error.ts";

const known: readonly { readonly codes: RegExp; readonly code: ErrorCode; readonly hint: string }[] = [
  {
    // A reader may not roll back what a writer left in its journal.
    codes: /^SQLITE_READONLY_(ROLLBACK|RECOVERY)/,
    code: "DATABASE_CORRUPT",
    hint: "Its writer ended in the middle of a change: let the program that owns the file open it once.",
  },
  {
    codes: /^SQLITE_(BUSY|LOCKED|PROTOCOL)/,
    code: "FILE_LOCKED",
    hint: "Wait until whoever writes to it is done, then try again.",
  },
  { codes: /^SQLITE_(NOTADB|CORRUPT)/, code: "DATABASE_CORRUPT", hint: "Build the file again, or take it from a backup." },
  { codes: /^SQLITE_FULL/, code: "DISK_FULL", hint: "Free some space on this volume and try again." },
  {
    codes: /^SQLITE_(READONLY|PERM|AUTH|CANTOPEN)/,
    code: "PERMISSION_DENIED",
    hint: "Run as the user that owns file and folder, or change their modes. A file in WAL mode needs a folder that may be written.",
  },
];

/** SQLite's extended result code of a thrown value, if it has one. */
export function sqliteCodeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === "string" && code.startsWith("SQLITE_") ? code : undefined;
}

/**
 * Our error for what SQLite or the system says of a file; `what` completes "cannot …". Our own errors pass through unchanged. `FILE_LOCKED`, `DATABASE_CORRUPT`,
 * `DISK_FULL`, `PERMISSION_DENIED`, else `IO_FAILED`.
 */
export function sqliteError(error: unknown, what: string, path: string): LockkeeperError {
  if (isLockkeeperError(error)) return error;
  const result = sqliteCodeOf(error);
  if (result === undefined) return ioError(error, what, path);
  const { code, hint } = known.find(({ codes }) => codes.test(result)) ?? {
    code: "IO_FAILED" as const,
    hint: "Look at the system's log for the device, then try again.",
  };
  return new LockkeeperError(code, `cannot ${what} ${path}: ${firstLine(error)} (${result})`, {
    hint,
    subject: path,
    cause: error,
  });
}
