import type { CheckOf, CheckResult } from "../../model/check.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import { fail, findTable, pass, type CheckContext, type Expectation } from "./context.ts";

/**
 * Row bounds and drift of a table, a result each. Counts come from the sealed file and from the record of the release it is compared with; a missing table and
 * a view fail.
 */
export async function checkRows(check: CheckOf<"rows">, context: CheckContext): Promise<CheckResult[]> {
  const { tables } = context.inspection;
  const results: CheckResult[] = [];
  if (check.min !== undefined || check.max !== undefined) results.push(checkBounds(check, tables));
  if (check.drift !== undefined) results.push(await checkDrift(check, check.drift, context));
  return results;
}

function checkBounds(check: CheckOf<"rows">, tables: readonly ReleaseTable[]): CheckResult {
  const { min = 0, max } = check;
  const expected = max === undefined ? `at least ${min}` : `${min} to ${max}`;
  const expectation = { ...common(check, check.name ?? `rows_${check.table}`), expected };
  const rows = rowsOf(tables, expectation);
  if (typeof rows !== "number") return rows;
  const passes = rows >= min && (max === undefined || rows <= max);
  const message = `${check.table} has ${rows} rows; expected ${expected}`;
  return passes ? pass(expectation, String(rows), message) : fail(expectation, String(rows), message);
}

async function checkDrift(check: CheckOf<"rows">, drift: number, context: CheckContext): Promise<CheckResult> {
  const share = `${percent(drift)} %`;
  const name = check.name === undefined ? `drift_${check.table}` : `${check.name}_drift`;
  const expectation = { ...common(check, name), expected: `at most ${share} more or fewer than before` };
  const rows = rowsOf(context.inspection.tables, expectation);
  if (typeof rows !== "number") return rows;
  const skip = (reason: string): CheckResult => ({
    ...expectation,
    status: "skip",
    observed: `${rows} rows`,
    message: `${check.table} has ${rows} rows; ${reason}`,
  });
  const baseline = await context.baseline();
  if ("missing" in baseline) return skip(baseline.missing);
  const before = findTable(baseline.tables, check.table)?.rows;
  if (before === undefined) return skip(`${baseline.release} has no such table to compare with`);
  if (before === 0 && rows > 0) return skip(`${baseline.release} has none, so there is no share of change`);
  const change = before === 0 ? 0 : (rows - before) / before;
  const expected = `${before} rows in ${baseline.release}, at most ${share} more or fewer`;
  const observed = `${rows} rows, ${signed(change)} %`;
  const message = `${check.table} has ${rows} rows, ${before} in ${baseline.release}: ${signed(change)} %; at most ${share} is allowed`;
  // Counted in rows, for a share such as 0.1 is not exact.
  const passes = Math.abs(rows - before) <= drift * before + Number.EPSILON * before;
  return (passes ? pass : fail)({ ...expectation, expected }, observed, message);
}

function common(check: CheckOf<"rows">, name: string) {
  return { name, check: "rows", severity: check.severity, table: check.table } as const;
}

function rowsOf(tables: readonly ReleaseTable[], expectation: Expectation & { readonly table: string }): number | CheckResult {
  const table = findTable(tables, expectation.table);
  if (table?.rows !== undefined) return table.rows;
  const observed = table ? "a view" : "no such table";
  return fail(expectation, observed, `${expectation.table}: ${observed}; row bounds need a table`);
}

function percent(share: number): string {
  return Number((share * 100).toPrecision(4)).toLocaleString("en-US", { maximumFractionDigits: 20 });
}

function signed(share: number): string {
  return `${share > 0 ? "+" : ""}${percent(share)}`;
}
