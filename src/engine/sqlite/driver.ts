import { createRequire } from "node:module";
import { firstLine, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { SqliteDatabase } from "../../model/sqlite.ts";

/** How the package opens a file; what of its options is used here. */
export interface DriverOptions {
  readonly readonly?: boolean;
  readonly fileMustExist: true;
  /** How long a statement waits for the locks of others. Milliseconds. */
  readonly timeout: number;
}

/** Pages that a backup has copied, and has still to copy. */
export interface BackupProgress {
  readonly totalPages: number;
  readonly remainingPages: number;
}

/** A database of the package with what only this room uses. */
export interface DriverDatabase extends SqliteDatabase {
  exec(sql: string): unknown;
  /** `progress` is called after each step, and tells how many pages the next one copies. */
  backup(target: string, options: { readonly progress: (progress: BackupProgress) => number }): Promise<BackupProgress>;
}

/** The package `better-sqlite3`. */
export type Driver = new (path: string, options: DriverOptions) => DriverDatabase;

const name = "better-sqlite3";
const installHint = `npm install ${name}@12`;

/** The oldest major version whose options are the ones used here. */
const majorMin = 12;

/** From 13 on the package needs Node 22: its binary crashes the process on Node 20 (FACTS 5), so it is not even loaded there. */
const modern = { major: 13, nodeMajor: 22 } as const;

let driver: Driver | undefined;

/**
 * Whether the package is there in a version that runs here, told by its `package.json`: nothing of it is loaded. Throws `FEATURE_MISSING` where it is not.
 */
export function assertDriver(): void {
  const require = createRequire(import.meta.url);
  let version: string;
  try {
    version = String((require("better-sqlite3/package.json") as { readonly version?: unknown }).version);
  } catch (cause) {
    throw new LockkeeperError("FEATURE_MISSING", `SQLite files need the package ${name}, which is not installed`, {
      hint: `Install it where lockkeeper is installed: ${installHint}`,
      subject: name,
      cause,
    });
  }
  const major = Number.parseInt(version, 10);
  const node = process.versions.node;
  if (major >= majorMin && (major < modern.major || Number.parseInt(node, 10) >= modern.nodeMajor)) return;
  const why = major >= modern.major ? `needs Node ${modern.nodeMajor}, and this is Node ${node}` : `is older than ${majorMin}`;
  throw new LockkeeperError("FEATURE_MISSING", `${name} ${version} is installed, which ${why}`, {
    hint: `Install one that runs here: ${installHint}`,
    subject: name,
  });
}

/** The package, loaded at its first use. Throws `FEATURE_MISSING` where it is not installed, cannot run here, or was compiled for another Node. */
export function loadDriver(): Driver {
  if (driver !== undefined) return driver;
  assertDriver();
  try {
    const loaded = createRequire(import.meta.url)("better-sqlite3") as Driver & (new (path: string) => DriverDatabase);
    // Its binary is loaded with the first database.
    new loaded(":memory:").close();
    return (driver = loaded);
  } catch (cause) {
    throw new LockkeeperError("FEATURE_MISSING", `${name} is installed, but does not load: ${firstLine(cause)}`, {
      hint: `Compile it for this Node: npm rebuild ${name}`,
      subject: name,
      cause,
    });
  }
}
