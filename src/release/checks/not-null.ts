import { counted } from "../../model/units.ts";
import type { CheckOf } from "../../model/check.ts";
import { countIn, fail, listed, pass, resolve, rowsSql, type CheckContext, type Planned } from "./context.ts";

/** Columns without NULL. NaN, infinity and an empty text are values. A NOT NULL of the table itself is not relied on: a replayed log goes past it (FACTS 2.6). */
export function planNotNull(check: CheckOf<"not_null">, context: CheckContext): Planned {
  const expectation = {
    name: check.name ?? `not_null_${check.table}`,
    check: "not_null",
    severity: check.severity,
    table: check.table,
    column: check.columns.join(", "),
    expected: "no NULL",
  };
  const found = resolve(context, expectation, check.columns);
  if ("missing" in found) return found.missing;
  const { table, columns } = found;
  const quoted = columns.map(({ name }) => context.inspection.identifier(name));
  return {
    expectation,
    table,
    aggregates: quoted.map((column) => `count(*) - count(${column})`),
    judge(values) {
      const faults = columns.flatMap(({ name }, index) => {
        const nulls = countIn(values[index]);
        return nulls === 0 ? [] : [{ name, nulls, quoted: quoted[index] ?? "" }];
      });
      if (faults.length === 0) return pass(expectation, "none", `${check.table}: no NULL in ${listed(check.columns)}`);
      const observed = listed(faults.map(({ name, nulls }) => `${name}: ${nulls} NULL`));
      const where = faults.map((fault) => `${fault.quoted} IS NULL`).join(" OR ");
      const failed = {
        ...expectation,
        column: faults.map(({ name }) => name).join(", "),
        sql: rowsSql(context, table, `WHERE ${where}`),
      };
      const told = faults.map(({ name, nulls }) => `${name} is NULL in ${counted(nulls, "row")}`);
      return fail(failed, observed, `${check.table}: ${listed(told)}`);
    },
  };
}
