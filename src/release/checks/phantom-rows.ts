import type { CheckOf } from "../../model/check.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import {
  countIn,
  fail,
  findTable,
  listed,
  pass,
  rowsSql,
  sourceOf,
  tableName,
  type CheckContext,
  type Inquiry,
} from "./context.ts";

/** Tables asked by one statement. */
const tablesPerQuery = 50;

/**
 * No table whose only row is NULL in every column: dbt's external materialization writes such a row for an empty model, and whoever reads its file gets it (FACTS 2.11). A
 * configured `phantom_rows` changes the severity or excepts tables.
 */
export function planPhantomRows(check: CheckOf<"phantom_rows"> | undefined, context: CheckContext): Inquiry {
  const { tables } = context.inspection;
  const excepted = new Set((check?.except ?? []).map((name) => findTable(tables, name)));
  const suspects = tables.filter((table) => table.rows === 1 && table.columns.length > 0 && !excepted.has(table));
  const expectation = {
    name: check?.name ?? "phantom_rows",
    check: "phantom_rows",
    severity: check?.severity ?? ("error" as const),
    expected: "no table with one row of NULLs",
  };
  return {
    expectation,
    async run() {
      const phantoms = await phantomsAmong(context, suspects);
      const [phantom] = phantoms;
      if (!phantom) return pass(expectation, "none", "no table has a single row of NULLs");
      const observed = listed(phantoms.map(tableName));
      const failed = { ...expectation, table: tableName(phantom), sql: rowsSql(context, phantom, "") };
      return fail(failed, observed, `${observed}: the only row is NULL in every column, as an empty model leaves it`);
    },
  };
}

async function phantomsAmong(context: CheckContext, suspects: readonly ReleaseTable[]): Promise<ReleaseTable[]> {
  const phantoms: ReleaseTable[] = [];
  for (let first = 0; first < suspects.length; first += tablesPerQuery) {
    const part = suspects.slice(first, first + tablesPerQuery);
    const selects = part.map(
      (table, index) => `SELECT ${index}, count(*) FROM ${sourceOf(context, table)} WHERE ${allNull(context, table)}`,
    );
    const { rows } = await context.inspection.query(selects.join("\nUNION ALL "), { signal: context.signal });
    phantoms.push(...rows.filter(([, count]) => countIn(count) > 0).flatMap(([index]) => part[Number(index)] ?? []));
  }
  return phantoms;
}

function allNull({ inspection }: CheckContext, table: ReleaseTable): string {
  return table.columns.map(({ name }) => `${inspection.identifier(name)} IS NULL`).join(" AND ");
}
