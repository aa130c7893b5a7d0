import { LockkeeperError } from "../errors/lockkeeper-error.ts";

/** Ids of stores, runs and the like. */
export const idPattern = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** Release ids: `r` and at least six digits. */
export const releaseIdPattern = /^r\d{6,15}$/;

/** Ids of builds, under which the refused ones lie in quarantine: twelve random hex digits. */
export const buildIdPattern = /^[0-9a-f]{12}$/;

/** Names DuckDB keeps for itself; a file of that name cannot be attached (`memory`, `main`, `temp`, `system`). */
export const reservedBasenames: ReadonlySet<string> = new Set(["memory", "main", "temp", "system"]);

/** A basename is a plain file name stem: letters, digits, `_`, `-`, `.`; it becomes a catalogue name and a file name. */
export const basenamePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}$/;

/** Release id of a number: `releaseId(42)` is `r000042`. */
export function releaseId(number: number): string {
  return `r${String(number).padStart(6, "0")}`;
}

/** The number in a release id, or `undefined` for a foreign release's name. */
export function releaseNumber(id: string): number | undefined {
  return releaseIdPattern.test(id) ? Number(id.slice(1)) : undefined;
}

/** Whether `basename` can be a file stem and a catalogue name. */
export function isBasename(basename: string): boolean {
  return basenamePattern.test(basename) && !reservedBasenames.has(basename.toLowerCase());
}

/** Throws `CONFIG_INVALID` unless `basename` can be a file stem and a catalogue name. */
export function assertBasename(basename: string): void {
  if (isBasename(basename)) return;
  throw new LockkeeperError("CONFIG_INVALID", `basename "${basename}" cannot be used`, {
    hint: `Use letters, digits, "_", "-" and "."; not ${[...reservedBasenames].join(", ")}.`,
    subject: basename,
  });
}
