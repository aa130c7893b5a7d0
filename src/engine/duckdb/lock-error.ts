import { LockkeeperError, type LockHolder } from "../../errors/lockkeeper-error.ts";

// IO Error: Could not set lock on file "…": Conflicting lock is held in /usr/bin/node (PID 6485) by user ada. See also …
const lockText = /Could not set lock on file "(?<path>[^"]*)"/;
const holderText = /Conflicting lock is held in (?:(?<command>.*?) \()?PID (?<pid>-?\d+)\)?/;
// Of the same process or instance, and of Windows, where a lock shows as a sharing violation.
const otherTexts = [
  /Unique file handle conflict/,
  /Can't open a connection to same database file with a different configuration/,
  /being used by another process/,
];

/**
 * `FILE_LOCKED` when the engine's text says that the file's lock is held, else `undefined`. The engine has no error code for it.
 * A holder is named where the text has one; an open-file-description lock shows as PID -1 and has none.
 */
export function lockErrorOf(text: string, path: string | undefined): LockkeeperError | undefined {
  const subject = path ?? lockText.exec(text)?.groups?.["path"];
  if (lockText.test(text)) {
    const holder = holderOf(text);
    const who = holder ? `${holder.command ?? "a process"} (PID ${holder.pid})` : "another program";
    return new LockkeeperError("FILE_LOCKED", `${subject} is locked by ${who}`, {
      hint: "DuckDB lets one process write a file, or many read it: wait for that process, or close the file there.",
      ...(subject !== undefined && { subject }),
      ...(holder && { holder }),
      cause: text,
    });
  }
  if (!otherTexts.some((pattern) => pattern.test(text))) return undefined;
  return new LockkeeperError("FILE_LOCKED", `${subject ?? "the file"} is open elsewhere in a way that excludes this one`, {
    hint: "Close the file there first.",
    ...(subject !== undefined && { subject }),
    cause: text,
  });
}

/** `FILE_LOCKED` for a file that this very process has open. */
export function lockedHere(path: string, command: string): LockkeeperError {
  return new LockkeeperError("FILE_LOCKED", `${path} is open in this process`, {
    hint: "Close the readers of this process that use the file, then try again.",
    subject: path,
    holder: { pid: process.pid, command },
  });
}

function holderOf(text: string): LockHolder | undefined {
  const groups = holderText.exec(text)?.groups;
  const pid = Number(groups?.["pid"]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const command = groups?.["command"];
  return { pid, ...(command && { command }) };
}
