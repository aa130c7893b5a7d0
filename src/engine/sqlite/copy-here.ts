import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Platform } from "../../platform/port.ts";
import { loadDriver, type DriverDatabase } from "./driver.ts";
import { sqliteError } from "./errors.ts";

/** How long the copy waits for a writer to let go. Milliseconds. */
const waitMs = 5000;

/** Larger than any file: all pages in one step. With fewer a foreign write begins the copy anew, for ever where writes come often (FACTS 5). */
const allPages = 0x7fffffff;

/** Steps after which a copy that does not end is given up: one tells how many pages there are, one copies them. */
const stepsMax = 10;

/** Copies a database in this process; see `copySqlite`. */
export async function copyHere(platform: Platform, source: string, target: string): Promise<void> {
  await assertPlaces(platform, source, target);
  const Database = loadDriver();
  let database: DriverDatabase | undefined;
  try {
    database = new Database(source, { readonly: true, fileMustExist: true, timeout: waitMs });
    // What is copied is the state of this moment, and a lock that is met is told: the package takes a busy first step for an empty file.
    database.exec("BEGIN");
    database.pragma("schema_version", { simple: true });
    await backup(database, source, target);
    database.exec("COMMIT");
  } catch (error) {
    throw sqliteError(error, "copy", source);
  } finally {
    database?.close();
  }
  try {
    // The copy says of itself what the source does; it has no log.
    const copied = new Database(target, { fileMustExist: true, timeout: waitMs });
    copied.pragma("journal_mode = DELETE");
    copied.close();
  } catch (error) {
    throw sqliteError(error, "finish the copy", target);
  }
}

async function assertPlaces(platform: Platform, source: string, target: string): Promise<void> {
  const stat = await platform.files.stat((await platform.files.resolve(source)) ?? source);
  if (stat === undefined) {
    throw new LockkeeperError("FILE_MISSING", `there is no SQLite file at ${source}`, {
      hint: "Check the path.",
      subject: source,
    });
  }
  if (stat.kind !== "file" || stat.bytes === 0) {
    const what = stat.kind === "file" ? "empty" : `a ${stat.kind}`;
    throw new LockkeeperError("DATABASE_CORRUPT", `${source} is ${what}, not a SQLite database`, {
      hint: "Name the database file.",
      subject: source,
    });
  }
  if ((await platform.files.stat(target)) === undefined) return;
  throw new LockkeeperError("IO_FAILED", `cannot copy ${source} to ${target}: EEXIST`, {
    hint: "Copy to a path where nothing lies.",
    subject: target,
  });
}

async function backup(database: DriverDatabase, source: string, target: string): Promise<void> {
  let steps = 0;
  const { totalPages } = await database.backup(target, {
    progress() {
      steps += 1;
      if (steps < stepsMax) return allPages;
      throw locked(source);
    },
  });
  if (totalPages === 0) throw locked(source);
}

function locked(source: string): LockkeeperError {
  return new LockkeeperError("FILE_LOCKED", `${source} could not be copied: a writer holds it`, {
    hint: "Wait until whoever writes to it is done, then try again.",
    subject: source,
  });
}
