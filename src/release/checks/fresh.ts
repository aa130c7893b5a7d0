import type { CheckOf } from "../../model/check.ts";
import { ageAggregates, freshLimits, hasAge, judgeAges, latestNow, seenAges } from "../../model/freshness.ts";
import { fail, pass, resolve, rowsSql, type CheckContext, type Planned } from "./context.ts";

/**
 * The newest value of a column against the clock. A time without a zone, and the start of a DATE, count as UTC. Values in the future say nothing about age: they are
 * passed over and told. No value at all fails.
 */
export function planFresh(check: CheckOf<"fresh">, context: CheckContext): Planned {
  const expectation = {
    name: check.name ?? `fresh_${check.table}_${check.column}`,
    check: "fresh",
    severity: check.severity,
    table: check.table,
    column: check.column,
    expected: freshLimits(check),
  };
  const found = resolve(context, expectation, [check.column]);
  if ("missing" in found) return found.missing;
  const { name = "", type = "" } = found.columns[0] ?? {};
  if (!hasAge(type)) {
    return fail(expectation, type, `${check.table}.${name} is ${type}; freshness needs a DATE, a TIMESTAMP or a TIMESTAMPTZ`);
  }
  const quoted = context.inspection.identifier(name);
  const latest = latestNow(context.now, type);
  return {
    expectation,
    table: found.table,
    aggregates: ageAggregates(quoted, latest),
    judge(values) {
      const seen = seenAges(values);
      const { status, severity, observed, message } = judgeAges(check, seen, context.now.getTime());
      if (status === "pass") return pass(expectation, observed, message);
      const which = seen.ahead > 0 ? `WHERE ${quoted} > ${latest}` : `WHERE ${quoted} IS NOT NULL`;
      const sql = rowsSql(context, found.table, `${which} ORDER BY ${quoted} DESC`);
      return { ...fail({ ...expectation, severity }, observed, message), sql };
    },
  };
}
