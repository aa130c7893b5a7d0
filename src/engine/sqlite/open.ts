import { resolve } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { SqliteDatabase } from "../../model/sqlite.ts";
import type { Platform } from "../../platform/port.ts";
import { loadDriver } from "./driver.ts";
import { sqliteError } from "./errors.ts";

/** Nobody writes to a release: a lock that is met is a mistake, and waiting would hold this thread. Milliseconds. */
const waitMs = 100;

/**
 * Opens a file that is not written any more: read-only, and with `query_only`, so that nothing changes it. The package's SQLite is compiled with `SQLITE_USE_URI=0`, so
 * `immutable=1` cannot be asked for; a sealed file is in rollback-journal mode and has nothing beside it, so that reading takes a shared lock and makes no file. Numbers come
 * as the package gives them: `number`, unless its user asks for `safeIntegers`. Throws `FEATURE_MISSING`, `FILE_MISSING`, `DATABASE_CORRUPT`, `PERMISSION_DENIED`, `FILE_LOCKED`.
 */
export async function openSqlite({ files }: Pick<Platform, "files">, path: string): Promise<SqliteDatabase> {
  const absolute = resolve(path);
  const Database = loadDriver();
  if (files.statNow(absolute) === undefined) {
    throw new LockkeeperError("FILE_MISSING", `there is no SQLite file at ${absolute}`, {
      hint: "Check the path.",
      subject: absolute,
    });
  }
  let database: SqliteDatabase | undefined;
  try {
    database = new Database(absolute, { readonly: true, fileMustExist: true, timeout: waitMs });
    database.pragma("query_only = ON");
    // The first look at the file: what is no database says so now.
    database.pragma("schema_version", { simple: true });
    if (database.pragma("journal_mode", { simple: true }) === "wal") throw neverSealed(absolute);
    return await Promise.resolve(database);
  } catch (error) {
    database?.close();
    throw sqliteError(error, "open", absolute);
  }
}

function neverSealed(path: string): LockkeeperError {
  return new LockkeeperError("DATABASE_CORRUPT", `${path} is in WAL mode, so it was not sealed, or has been written to since`, {
    hint: "Publish it again; a sealed file is in rollback-journal mode.",
    subject: path,
  });
}
