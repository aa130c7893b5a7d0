import type { Check, CheckResult } from "../../model/check.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import { findTable } from "./tables.ts";

/** A table has at least `min` and at most `max` rows. Counts come from the sealed file; a missing table and a view fail. */
export function checkRows(check: Extract<Check, { check: "rows" }>, tables: readonly ReleaseTable[]): CheckResult {
  const { min = 0, max } = check;
  const expected = max === undefined ? `at least ${min}` : `${min} to ${max}`;
  const common = {
    name: check.name ?? `rows_${check.table}`,
    check: "rows",
    severity: check.severity,
    table: check.table,
    expected,
  };
  const rows = findTable(tables, check.table)?.rows;
  if (rows === undefined) {
    const observed = findTable(tables, check.table) ? "a view" : "no such table";
    return { ...common, status: "fail", observed, message: `${check.table}: ${observed}; row bounds need a table` };
  }
  const passes = rows >= min && (max === undefined || rows <= max);
  const message = `${check.table} has ${rows} rows; expected ${expected}`;
  return { ...common, status: passes ? "pass" : "fail", observed: String(rows), message };
}
