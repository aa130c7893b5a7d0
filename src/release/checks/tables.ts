import type { Check, CheckResult } from "../../model/check.ts";
import type { ReleaseTable } from "../../model/release-record.ts";

/** A table by the name that a check gives it: `name` is in the schema `main`, `schema.name` is explicit. Names compare without case, as in SQL. */
export function findTable(tables: readonly ReleaseTable[], name: string): ReleaseTable | undefined {
  const wanted = (name.includes(".") ? name : `main.${name}`).toLowerCase();
  return tables.find((table) => `${table.schema}.${table.name}`.toLowerCase() === wanted);
}

/** The named tables or views exist. */
export function checkTables(check: Extract<Check, { check: "tables" }>, tables: readonly ReleaseTable[]): CheckResult {
  const missing = check.names.filter((name) => !findTable(tables, name));
  const expected = check.names.join(", ");
  const common = { name: check.name ?? "tables", check: "tables", severity: check.severity, expected };
  if (missing.length === 0) {
    return {
      ...common,
      status: "pass",
      observed: expected,
      message: `${check.names.length} of ${check.names.length} tables are there`,
    };
  }
  const there = tables.map((table) => (table.schema === "main" ? table.name : `${table.schema}.${table.name}`));
  const observed = there.length === 0 ? "no table" : there.slice(0, 20).join(", ");
  return { ...common, status: "fail", table: missing[0] ?? "", observed, message: `missing: ${missing.join(", ")}` };
}
