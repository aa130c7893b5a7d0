import { counted } from "../../model/units.ts";
import type { CheckOf, CheckResult } from "../../model/check.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import {
  countIn,
  fail,
  findColumn,
  findTable,
  pass,
  resolve,
  shownSource,
  sourceOf,
  type CheckContext,
  type Planned,
} from "./context.ts";
import { comparable } from "../../model/column-type.ts";

/** Rows for each value from which on a table of the values is made first. With a sixteenth as many values as rows it costs no more than the join. */
const rowsPerValueMin = 16;

/** Every value of a column is in another column, as with a FOREIGN KEY in SQL: NULL passes. */
export function planReferences(check: CheckOf<"references">, context: CheckContext): Planned {
  const expectation = {
    name: check.name ?? `references_${check.table}_${check.column}`,
    check: "references",
    severity: check.severity,
    table: check.table,
    column: check.column,
    expected: `every value is in ${check.to}`,
  };
  const found = resolve(context, expectation, [check.column]);
  if ("missing" in found) return found.missing;
  const target = targetOf(context.inspection.tables, check.to);
  if (!target)
    return fail(
      expectation,
      `no ${check.to}`,
      `${check.to} does not exist, so ${check.table}.${check.column} cannot refer to it`,
    );
  const { name = "", type = "" } = found.columns[0] ?? {};
  const types = `${check.table}.${name} is ${type}, ${check.to} is ${target.column.type}`;
  if (!comparable(type, target.column.type)) return fail(expectation, types, `${types}: these types do not compare`);
  const [child, parent] = [context.inspection.identifier(name), context.inspection.identifier(target.column.name)];
  const dangling = (from: string, to: string) =>
    `FROM ${from} AS child WHERE child.${child} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ${to} AS parent WHERE parent.${parent} = child.${child})`;
  const sql = `SELECT * ${dangling(shownSource(context, found.table), shownSource(context, target.table))} LIMIT 20`;
  const [childSource, parentSource] = [sourceOf(context, found.table), sourceOf(context, target.table)];
  const hasFewValues = fewValues(found.table, target.table);
  return { expectation, run };

  async function run(): Promise<CheckResult> {
    const passed = () => pass(expectation, "every value is there", `every ${check.table}.${name} is in ${check.to}`);
    if (hasFewValues && (await isEveryValueThere())) return passed();
    const { rows } = await context.inspection.query(
      `SELECT count(*), min(CAST(child.${child} AS VARCHAR)) ${dangling(childSource, parentSource)}`,
      {
        signal: context.signal,
      },
    );
    const [count, example] = rows[0] ?? [];
    const lost = countIn(count);
    if (lost === 0) return passed();
    const observed = `${counted(lost, "row")} without one, such as ${JSON.stringify(example).slice(0, 80)}`;
    return fail({ ...expectation, sql }, observed, `${check.table}.${name}: ${observed}; expected in ${check.to}`);
  }

  /** Asks for each value once. Rows whose values are equal, under whatever collation, have the same answer. */
  async function isEveryValueThere(): Promise<boolean> {
    const values = `(SELECT DISTINCT ${child} FROM ${childSource})`;
    const { rows } = await context.inspection.query(`SELECT count(*) ${dangling(values, parentSource)}`, {
      signal: context.signal,
    });
    return countIn(rows[0]?.[0]) === 0;
  }
}

/** Whether a column that passes can have but few different values: no more than there are rows to refer to. Then a table of them is small, and fast. */
function fewValues(child: ReleaseTable, parent: ReleaseTable): boolean {
  return parent.rows !== undefined && child.rows !== undefined && parent.rows * rowsPerValueMin <= child.rows;
}

/** `table.column` or `schema.table.column`; names that hold dots themselves are found, too. */
function targetOf(
  tables: readonly ReleaseTable[],
  to: string,
): { readonly table: ReleaseTable; readonly column: ReleaseTable["columns"][number] } | undefined {
  for (let dot = to.lastIndexOf("."); dot > 0; dot = to.lastIndexOf(".", dot - 1)) {
    const table = findTable(tables, to.slice(0, dot));
    const column = table && findColumn(table, to.slice(dot + 1));
    if (column) return { table, column };
  }
  return undefined;
}
