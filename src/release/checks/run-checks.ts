import { isLockkeeperError, type LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Check, CheckResult } from "../../model/check.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import type { Inspection } from "../engine.ts";
import type { ReleaseStore } from "../store.ts";
import { checkRows } from "./rows.ts";
import { checkTables } from "./tables.ts";
import { checkViews } from "./views.ts";

/** What the checks found, and what is in the release. */
export interface Checked {
  readonly checks: CheckResult[];
  readonly tables: readonly ReleaseTable[];
  readonly storageVersion: string;
}

/**
 * Opens a release's file as a reader would, attached under its constant name, and runs every check on it. A file that does not open is a
 * failed check, not an error: the build is refused and kept.
 */
export async function runChecks(store: ReleaseStore, path: string, basename: string): Promise<Checked> {
  let inspection: Inspection;
  try {
    inspection = await store.engine.inspect(path, basename);
  } catch (error) {
    if (!isLockkeeperError(error, "DATABASE_CORRUPT", "STORAGE_UNSUPPORTED")) throw error;
    return { checks: notOpened(error), tables: [], storageVersion: "unknown" };
  }
  try {
    const { tables, storageVersion } = inspection;
    const checks = [
      opened(basename),
      storageReadable(storageVersion),
      checkViews(inspection.brokenViews),
      ...store.checks.map((check) => runCheck(check, tables)),
    ];
    return { checks, tables, storageVersion };
  } finally {
    await inspection.close();
  }
}

function runCheck(check: Check, tables: readonly ReleaseTable[]): CheckResult {
  switch (check.check) {
    case "tables":
      return checkTables(check, tables);
    case "rows":
      return checkRows(check, tables);
  }
}

function opened(basename: string): CheckResult {
  const expected = `opens read-only under the name ${basename}`;
  return {
    name: "opens",
    check: "opens",
    severity: "error",
    status: "pass",
    observed: "opened",
    expected,
    message: "the file opens as a reader opens it",
  };
}

function storageReadable(storageVersion: string): CheckResult {
  const message = `storage version ${storageVersion} can be read by this engine`;
  return {
    name: "storage_version",
    check: "storage_version",
    severity: "error",
    status: "pass",
    observed: storageVersion,
    expected: "readable",
    message,
  };
}

function notOpened(error: LockkeeperError): CheckResult[] {
  const storage = error.code === "STORAGE_UNSUPPORTED";
  const common = {
    severity: "error",
    status: "fail",
    message: error.hint ? `${error.message}. ${error.hint}` : error.message,
  } as const;
  const opens = { name: "opens", check: "opens", observed: error.code, expected: "opens read-only", ...common };
  if (!storage) return [opens];
  return [
    opens,
    { name: "storage_version", check: "storage_version", observed: error.subject ?? "newer", expected: "readable", ...common },
  ];
}
