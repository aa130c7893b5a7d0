import type { CheckOf, CheckResult } from "../../model/check.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import { fail, listed, pass, shownSource, tableName, type CheckContext } from "./context.ts";

/** One difference between two releases. `breaks`: a query that worked may no longer. */
interface Difference {
  readonly table: string;
  readonly column?: string;
  readonly text: string;
  readonly breaks: boolean;
}

const expectedOf: Readonly<Record<CheckOf<"schema">["mode"], string>> = {
  identical: "the same tables, views, columns, types and order of columns",
  compatible: "no table, view or column removed, no type changed",
  any: "anything",
};

/** Tables, views, columns and types against the release that the build would replace. Looks at no row. */
export async function checkSchema(check: CheckOf<"schema">, context: CheckContext): Promise<CheckResult> {
  const expectation = {
    name: check.name ?? "schema",
    check: "schema",
    severity: check.severity,
    expected: expectedOf[check.mode],
  };
  const baseline = await context.baseline();
  if ("missing" in baseline)
    return { ...expectation, status: "skip", observed: "nothing to compare with", message: baseline.missing };
  const differences = differencesOf(baseline.tables, context.inspection.tables);
  const texts = differences.map(({ text }) => text);
  const counted = { ...expectation, expected: `${expectation.expected}, against ${baseline.release}` };
  const faults = check.mode === "any" ? [] : differences.filter(({ breaks }) => breaks || check.mode === "identical");
  const [first] = faults;
  if (!first) {
    const observed = texts.length === 0 ? "no difference" : listed(texts);
    return pass(counted, observed, `against ${baseline.release}: ${observed}`);
  }
  const table = context.inspection.tables.find((each) => tableName(each) === first.table);
  const found = {
    ...counted,
    table: first.table,
    ...(first.column !== undefined && { column: first.column }),
    ...(table && { sql: `DESCRIBE ${shownSource(context, table)}` }),
  };
  const observed = listed(faults.map(({ text }) => text));
  return fail(found, observed, `against ${baseline.release}: ${observed}`);
}

function differencesOf(before: readonly ReleaseTable[], after: readonly ReleaseTable[]): Difference[] {
  const [left, right] = [byKey(before), byKey(after)];
  const differences: Difference[] = [];
  for (const [key, table] of left) {
    const same = right.get(key);
    if (same) differences.push(...tableDifferences(table, same));
    else differences.push({ table: tableName(table), text: `${table.kind} ${tableName(table)} removed`, breaks: true });
  }
  for (const [key, table] of right) {
    if (!left.has(key))
      differences.push({ table: tableName(table), text: `${table.kind} ${tableName(table)} added`, breaks: false });
  }
  return differences;
}

function tableDifferences(before: ReleaseTable, after: ReleaseTable): Difference[] {
  const table = tableName(after);
  const differences: Difference[] = [];
  const add = (text: string, breaks: boolean, column?: string) =>
    differences.push({ table, text, breaks, ...(column !== undefined && { column }) });
  if (before.kind !== after.kind) add(`${table} is a ${after.kind}, it was a ${before.kind}`, false);
  const left = new Map(before.columns.map((column) => [column.name.toLowerCase(), column]));
  const right = new Map(after.columns.map((column) => [column.name.toLowerCase(), column]));
  for (const [key, column] of left) {
    const now = right.get(key);
    if (!now) add(`${table}.${column.name} removed`, true, column.name);
    else if (now.type !== column.type) add(`${table}.${now.name} is ${now.type}, it was ${column.type}`, true, now.name);
    else if (now.nullable !== column.nullable)
      add(`${table}.${now.name} ${now.nullable ? "may be NULL now" : "is NOT NULL now"}`, false, now.name);
    else if (now.name !== column.name) add(`${table}.${now.name} was spelt ${column.name}`, false, now.name);
  }
  for (const [key, column] of right) if (!left.has(key)) add(`${table}.${column.name} added`, false, column.name);
  const order = [...right.keys()].filter((key) => left.has(key));
  const moved = [...left.keys()].filter((key) => right.has(key)).find((key, index) => order[index] !== key);
  if (moved !== undefined) add(`${table}: columns in another order`, false, right.get(moved)?.name);
  return differences;
}

function byKey(tables: readonly ReleaseTable[]): Map<string, ReleaseTable> {
  return new Map(tables.map((table) => [JSON.stringify([table.schema.toLowerCase(), table.name.toLowerCase()]), table]));
}
