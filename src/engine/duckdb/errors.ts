import type { ErrorCode } from "../../errors/codes.ts";
import { firstLine, isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { lockErrorOf } from "./lock-error.ts";
import { storageErrorOf } from "./storage-version.ts";

interface Known {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly hint: string;
}

const restoreHint = "Roll back to another release, or restore the file from a backup; `check` tells which releases are whole.";

/** What the engine's texts mean, in the order in which they are looked at. */
const known: readonly Known[] = [
  {
    pattern: /Permission denied|Access is denied/i,
    code: "PERMISSION_DENIED",
    hint: "Give this user the right to read the file and its folder.",
  },
  {
    pattern: /Too many open files/i,
    code: "LIMIT_FILES",
    hint: "Raise the limit of open files (ulimit -n) or close what is not needed.",
  },
  {
    pattern: /No space left on device|Disk quota exceeded/i,
    code: "DISK_FULL",
    hint: "Free some space on this volume and try again.",
  },
  {
    pattern: /Read-only file system/i,
    code: "READ_ONLY",
    hint: "Do this from a host or container that has the folder mounted writable.",
  },
  {
    pattern: /Input\/output error/i,
    code: "IO_FAILED",
    hint: "Look at the system's log for the device, then try again.",
  },
  {
    pattern: /Corrupt database file|Corrupted? (?:WAL|block)|checksum .* does not match/i,
    code: "DATABASE_CORRUPT",
    hint: restoreHint,
  },
  { pattern: /not a valid DuckDB database file/i, code: "DATABASE_CORRUPT", hint: restoreHint },
  {
    pattern: /Could not read enough bytes from file|Reached the end of the file/i,
    code: "DATABASE_CORRUPT",
    hint: restoreHint,
  },
  {
    pattern: /Failure while replaying WAL|WAL does not match|WAL file|Serialization Error|Failed to deserialize/i,
    code: "DATABASE_CORRUPT",
    hint: restoreHint,
  },
];

/** What an error is about. */
export interface EngineErrorContext {
  /** The database file. */
  readonly path?: string | undefined;
  /** Whether the file was being opened, and not queried. */
  readonly opening?: boolean;
}

/** Whether the engine has declared the whole instance unusable (FACTS: internal errors invalidate it). */
export function isFatal(error: unknown): boolean {
  return /^(?:Error: )?(?:INTERNAL|FATAL) Error|database has been invalidated/.test(messageOf(error));
}

/** Whether the engine stopped because it was interrupted. */
export function isInterrupt(error: unknown): boolean {
  return messageOf(error).startsWith("INTERRUPT Error");
}

/**
 * Our error for one of the engine's, which has only a text. Only the text's first line is used: what follows may be a stack
 * trace with paths. Our own errors pass through unchanged.
 */
export function engineError(error: unknown, context: EngineErrorContext = {}): LockkeeperError {
  if (isLockkeeperError(error)) return error;
  const text = messageOf(error);
  const line = firstLine(error);
  const { path } = context;
  const special = lockErrorOf(text, path) ?? storageErrorOf(text, path);
  if (special) return special;
  const subject = path === undefined ? {} : { subject: path };
  if (context.opening) return openingError(line, path ?? "the file");
  if (isInterrupt(error)) return new LockkeeperError("INTERRUPTED", "the query was interrupted", { ...subject });
  const entry = known.find(({ pattern }) => pattern.test(line));
  if (entry) return new LockkeeperError(entry.code, line, { hint: entry.hint, ...subject });
  const hint = hintOf(text);
  return new LockkeeperError("QUERY_FAILED", line, { ...(hint && { hint }) });
}

function openingError(line: string, path: string): LockkeeperError {
  const reason = line.replace(/^\w+ Error: /, "");
  if (/database does not exist|No such file or directory|does not exist!/i.test(line)) {
    return new LockkeeperError("FILE_MISSING", `${path} does not exist`, {
      hint: "Check the path.",
      subject: path,
    });
  }
  if (/Is a directory/i.test(line)) {
    return new LockkeeperError("DATABASE_CORRUPT", `${path} is a folder, not a database`, {
      hint: "Name the file itself.",
      subject: path,
    });
  }
  if (/reserved name|database with name .* already exists/i.test(line)) {
    return new LockkeeperError("CONFIG_INVALID", `cannot attach ${path}: ${reason}`, {
      hint: "Rename the file: DuckDB keeps this name for itself.",
      subject: path,
    });
  }
  if (/encrypted database/i.test(line)) {
    return new LockkeeperError("STORAGE_UNSUPPORTED", `${path} is encrypted`, {
      hint: "Let its writer write it without a key: ATTACH … without ENCRYPTION_KEY.",
      subject: path,
    });
  }
  const entry = known.find(({ pattern }) => pattern.test(line));
  if (entry) {
    return new LockkeeperError(entry.code, `cannot open ${path}: ${reason}`, {
      hint: entry.hint,
      subject: path,
    });
  }
  const code = /^(?:INTERNAL|FATAL|Serialization|IO) Error/.test(line) ? "DATABASE_CORRUPT" : "QUERY_FAILED";
  return new LockkeeperError(code, `cannot open ${path}: ${reason}`, {
    subject: path,
    ...(code === "DATABASE_CORRUPT" && { hint: restoreHint }),
  });
}

function hintOf(text: string): string | undefined {
  return text.split("\n").find((line) => /^(?:Did you mean|Candidate )/.test(line));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
