import type { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { CheckResult } from "../../model/check.ts";
import type { FileStat } from "../../platform/port.ts";
import { fail, pass } from "./context.ts";

/** The file opened under its constant name, and its storage version can be read. */
export function openedResults(catalogue: string, storageVersion: string): CheckResult[] {
  const expected = `opens read-only under the name ${catalogue}`;
  const message = `storage version ${storageVersion} can be read by this engine`;
  return [
    pass({ ...opens, expected }, "opened", "the file opens as a reader opens it"),
    pass({ ...storage, expected: "readable" }, storageVersion, message),
  ];
}

/** What is known of a file that did not open. */
export function notOpenedResults(error: LockkeeperError): CheckResult[] {
  const message = error.hint ? `${error.message}. ${error.hint}` : error.message;
  const results = [fail({ ...opens, expected: "opens read-only" }, error.code, message)];
  if (error.code === "STORAGE_UNSUPPORTED")
    results.push(fail({ ...storage, expected: "readable" }, error.subject ?? "newer", message));
  return results;
}

/** No write-ahead log beside the file: the engine would replay it into whatever lies there (FACTS 2.6). An empty one holds nothing. */
export function checkLog(path: string, log: FileStat | undefined): CheckResult {
  const expectation = { name: "no_log", check: "no_log", severity: "error", expected: "no write-ahead log" } as const;
  if (log === undefined || log.bytes === 0) return pass(expectation, "none", "no write-ahead log lies beside the file");
  return fail(expectation, `${log.bytes} bytes`, `${path}.wal would be replayed into the release`);
}

const opens = { name: "opens", check: "opens", severity: "error" } as const;
const storage = { name: "storage_version", check: "storage_version", severity: "error" } as const;
