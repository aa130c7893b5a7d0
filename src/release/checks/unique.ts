import { counted } from "../../model/units.ts";
import type { CheckOf, CheckResult } from "../../model/check.ts";
import { countIn, fail, pass, resolve, shownSource, sourceOf, type CheckContext, type Planned } from "./context.ts";
import { isSurelyUnique, type Key } from "./unique-proofs.ts";

/**
 * No two rows with the same values in the columns. As with UNIQUE in SQL and dbt's `unique`, a row with a NULL in one of them passes. NaN equals NaN. A PRIMARY KEY of
 * the table is not relied on: a replayed log goes past it (FACTS 2.6).
 */
export function planUnique(check: CheckOf<"unique">, context: CheckContext): Planned {
  const expectation = {
    name: check.name ?? `unique_${check.table}_${check.columns.join("_")}`,
    check: "unique",
    severity: check.severity,
    table: check.table,
    column: check.columns.join(", "),
    expected: "each key once",
  };
  const found = resolve(context, expectation, check.columns);
  if ("missing" in found) return found.missing;
  const { table } = found;
  const columns = found.columns.map(({ name }) => context.inspection.identifier(name));
  const filter = columns.map((column) => `${column} IS NOT NULL`).join(" AND ");
  const types = found.columns.map(({ type }) => type);
  const key: Key = { source: sourceOf(context, table), columns, types, filter };
  return {
    expectation,
    async run(): Promise<CheckResult> {
      if (await isSurelyUnique(context, key, table.rows))
        return pass(expectation, "each once", `${check.table}: each key occurs once`);
      const { keys, rows } = await duplicates(context, key);
      if (keys === 0) return pass(expectation, "each once", `${check.table}: each key occurs once`);
      const list = columns.join(", ");
      const source = shownSource(context, table);
      const sql = `SELECT ${list}, count(*) FROM ${source} WHERE ${filter} GROUP BY ${list} HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT 20`;
      const observed = `${counted(keys, "key")} in ${counted(rows, "row")}`;
      const message = `${check.table}: ${counted(keys, "key")} of (${check.columns.join(", ")}) occur${keys === 1 ? "s" : ""} more than once, in ${counted(rows, "row")}`;
      return fail({ ...expectation, sql }, observed, message);
    },
  };
}

async function duplicates(
  { inspection, signal }: CheckContext,
  { source, columns, filter }: Key,
): Promise<{ readonly keys: number; readonly rows: number }> {
  // Of the table, for a column may be called as the count is.
  const list = columns.map((column) => `keyed.${column}`).join(", ");
  const { rows } = await inspection.query(
    `SELECT count(*), sum(times) FROM (SELECT count(*) AS times FROM ${source} AS keyed WHERE ${filter} GROUP BY ${list} HAVING count(*) > 1)`,
    { signal },
  );
  const [keys, all] = rows[0] ?? [];
  return { keys: countIn(keys), rows: countIn(all) };
}
