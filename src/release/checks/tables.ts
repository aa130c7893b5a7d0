import type { CheckOf, CheckResult } from "../../model/check.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import { fail, findTable, listed, pass, tableName } from "./context.ts";

const shownMax = 20;

/** The named tables or views exist. */
export function checkTables(check: CheckOf<"tables">, tables: readonly ReleaseTable[]): CheckResult {
  const missing = check.names.filter((name) => !findTable(tables, name));
  const expected = check.names.join(", ");
  const expectation = { name: check.name ?? "tables", check: "tables", severity: check.severity, expected };
  if (missing.length === 0) {
    return pass(expectation, expected, `${check.names.length} of ${check.names.length} tables are there`);
  }
  const observed = tables.length === 0 ? "no table" : listed(tables.map(tableName), shownMax);
  return fail({ ...expectation, table: missing[0] ?? "" }, observed, `missing: ${missing.join(", ")}`);
}
