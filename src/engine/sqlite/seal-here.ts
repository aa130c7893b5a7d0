import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Platform } from "../../platform/port.ts";
import { loadDriver, type DriverDatabase } from "./driver.ts";
import { sqliteCodeOf, sqliteError } from "./errors.ts";

/** What SQLite has beside a file that is in use. */
const sideEndings = ["-wal", "-shm", "-journal"] as const;

/** Seals a file in this process; see `sealSqlite`. */
export async function sealHere(platform: Platform, path: string): Promise<void> {
  await assertWritten(platform, path);
  const Database = loadDriver();
  let database: DriverDatabase | undefined;
  try {
    // Whoever wrote it has ended: a lock that is met now is not waited for.
    database = new Database(path, { fileMustExist: true, timeout: 0 });
    fold(database, path);
    // Nobody reads or writes from here on.
    database.exec("BEGIN EXCLUSIVE");
    assertIntact(database, path);
    // A hot journal was rolled back when the file was first read. One that is still there is what the journal modes `persist` and `truncate` leave.
    if ((await platform.files.stat(`${path}-journal`)) !== undefined) await platform.files.removeFile(`${path}-journal`);
    database.exec("ROLLBACK");
    database.close();
  } catch (error) {
    database?.close();
    throw sealError(error, path);
  }
  await assertAlone(platform, path);
}

async function assertWritten(platform: Platform, path: string): Promise<void> {
  const stat = await platform.files.stat(path);
  if (stat?.kind === "file" && stat.bytes > 0) return;
  const kind = stat?.kind === "file" ? "empty file" : stat?.kind;
  const what = kind === undefined ? "nothing is there" : `what lies there is: ${kind}`;
  throw new LockkeeperError("BUILD_EMPTY", `the build was to write a SQLite file to ${path}, but ${what}`, {
    hint: "Write the file there, commit and close it before the build ends.",
    subject: path,
  });
}

/** Reads the file for the first time, which rolls back a hot journal, and takes it out of WAL mode with all that its log has. */
function fold(database: DriverDatabase, path: string): void {
  if (database.pragma("journal_mode", { simple: true }) === "wal") {
    const [folded] = database.pragma("wal_checkpoint(TRUNCATE)") as { readonly busy: number }[];
    if (folded?.busy !== 0) throw unfinished(path, "its write-ahead log could not be folded in");
  }
  const mode = database.pragma("journal_mode = DELETE", { simple: true });
  if (mode !== "delete") throw unfinished(path, `it could not be taken out of journal mode ${JSON.stringify(mode)}`);
}

function assertIntact(database: DriverDatabase, path: string): void {
  // One finding is enough; its text may have a heading.
  const said = String(database.pragma("integrity_check(1)", { simple: true }));
  if (said === "ok") return;
  const line = said.split("\n").find((each) => each !== "" && !each.startsWith("***")) ?? said;
  throw corrupt(path, line);
}

function sealError(error: unknown, path: string): LockkeeperError {
  const code = sqliteCodeOf(error);
  // So ends the check of a file whose indexes need what only its application has: a collation, a function.
  if (code === "SQLITE_ERROR") return corrupt(path, error instanceof Error ? error.message : String(error));
  const known = sqliteError(error, "seal", path);
  return known.code === "FILE_LOCKED" ? unfinished(path, "another process has it open") : known;
}

function corrupt(path: string, line: string): LockkeeperError {
  return new LockkeeperError("DATABASE_CORRUPT", `${path} does not pass SQLite's integrity_check: ${line}`, {
    hint: "Build the file again. `PRAGMA integrity_check` lists all that is wrong with it.",
    subject: path,
  });
}

async function assertAlone(platform: Platform, path: string): Promise<void> {
  for (const ending of sideEndings) {
    if ((await platform.files.stat(`${path}${ending}`)) !== undefined)
      throw unfinished(path, `${path}${ending} still lies beside it`);
  }
}

function unfinished(path: string, why: string): LockkeeperError {
  return new LockkeeperError("BUILD_UNFINISHED", `${path} cannot be sealed: ${why}`, {
    hint: "Have the build commit, close every connection and end before it is done.",
    subject: path,
  });
}
