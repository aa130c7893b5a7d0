import { catalogueOf } from "../../model/artifact.ts";
import type { CheckResult } from "../../model/check.ts";
import { didYouMean } from "../../model/nearest.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import type { Inspection } from "../engine.ts";

/** What a release is compared with: another release's tables, or why there is none. */
export type Baseline = { readonly release: string; readonly tables: readonly ReleaseTable[] } | { readonly missing: string };

/** What checks look at. */
export interface CheckContext {
  readonly inspection: Inspection;
  /** The name that the file is attached under. */
  readonly catalogue: string;
  /** Wall time when the checks began. */
  readonly now: Date;
  /** Read when the first check asks. */
  readonly baseline: () => Promise<Baseline>;
  readonly signal: AbortSignal | undefined;
}

/** A result before anything was looked at. */
export type Expectation = Omit<CheckResult, "status" | "observed" | "message">;

/** A check whose answer is aggregates over one table or view: those of one table are asked with one scan. */
export interface Measurement {
  readonly expectation: Expectation;
  readonly table: ReleaseTable;
  /** SQL of aggregate functions over the table's columns. */
  readonly aggregates: readonly string[];
  /** What their values mean, in the same order. */
  judge(values: readonly unknown[]): Promise<CheckResult> | CheckResult;
}

/** A check that asks by itself. */
export interface Inquiry {
  readonly expectation: Expectation;
  run(): Promise<CheckResult>;
}

/** What becomes of a configured check: a result at once, or what is still to ask. */
export type Planned = CheckResult | Measurement | Inquiry;

/** Rows that a statement for people shows. */
const shownRows = 20;

/** A table or view by the name that a check gives it: `name` is in the schema `main`, `schema.name` is explicit. Names compare without case, as in SQL. */
export function findTable(tables: readonly ReleaseTable[], name: string): ReleaseTable | undefined {
  const wanted = name.toLowerCase();
  return (
    tables.find((table) => `${table.schema}.${table.name}`.toLowerCase() === wanted) ??
    tables.find((table) => table.schema === "main" && table.name.toLowerCase() === wanted)
  );
}

/** A column by its name, without case. */
export function findColumn(table: ReleaseTable, name: string): ReleaseTable["columns"][number] | undefined {
  return (
    table.columns.find((column) => column.name === name) ??
    table.columns.find((column) => column.name.toLowerCase() === name.toLowerCase())
  );
}

/** A table's name as checks spell it: without the schema where that is `main`. */
export function tableName(table: Pick<ReleaseTable, "schema" | "name">): string {
  return table.schema === "main" ? table.name : `${table.schema}.${table.name}`;
}

/** The table that a check is about, and some of its columns; or the failed result that says what is not there. */
export function resolve(
  { inspection }: CheckContext,
  expectation: Expectation & { readonly table: string },
  columns: readonly string[],
): { readonly table: ReleaseTable; readonly columns: ReleaseTable["columns"] } | { readonly missing: CheckResult } {
  const table = findTable(inspection.tables, expectation.table);
  if (!table) {
    const near = didYouMean(expectation.table, inspection.tables.map(tableName));
    return { missing: fail(expectation, "no such table", `there is no table or view ${expectation.table}${near}`) };
  }
  const broken = inspection.brokenViews.find(({ schema, name }) => schema === table.schema && name === table.name);
  if (broken)
    return {
      missing: fail(expectation, "a view that does not bind", `view ${expectation.table} does not bind: ${broken.error}`),
    };
  const found: ReleaseTable["columns"] = [];
  for (const name of columns) {
    const column = findColumn(table, name);
    if (column) {
      found.push(column);
      continue;
    }
    const near = didYouMean(
      name,
      table.columns.map((each) => each.name),
    );
    const message = `${expectation.table} has no column ${name}${near}`;
    return { missing: fail({ ...expectation, column: name }, "no such column", message) };
  }
  return { table, columns: found };
}

/** A table as our own statements name it: with the catalogue, for a schema may be called like one. */
export function sourceOf({ inspection, catalogue }: CheckContext, table: ReleaseTable): string {
  return [catalogueOf(table, catalogue), table.schema, table.name].map((name) => inspection.identifier(name)).join(".");
}

/** A statement for people that shows 20 rows of a table. `which` is the rest of it, `WHERE …` or nothing. */
export function rowsSql(context: CheckContext, table: ReleaseTable, which: string): string {
  return `SELECT * FROM ${shownSource(context, table)}${which && ` ${which}`} LIMIT ${shownRows}`;
}

/** A table as a person names it, who may have attached the file under another name. */
export function shownSource({ inspection, catalogue }: CheckContext, table: ReleaseTable): string {
  const ambiguous = [catalogue.toLowerCase(), "memory", "system", "temp"].includes(table.schema.toLowerCase());
  const path = ambiguous ? [catalogueOf(table, catalogue), table.schema, table.name] : [table.schema, table.name];
  return path.map((name) => inspection.identifier(name)).join(".");
}

/** A failed result. */
export function fail(expectation: Expectation, observed: string, message: string): CheckResult {
  return { ...expectation, status: "fail", observed, message };
}

/** A passed result; a statement that would show offending rows has nothing to show. */
export function pass(expectation: Expectation, observed: string, message: string): CheckResult {
  const { sql: _nothingToShow, ...rest } = expectation;
  return { ...rest, status: "pass", observed, message };
}

/** A list for a message, cut where it gets long: `a, b, c and 4 more`. */
export function listed(names: readonly string[], shownMax = 5): string {
  const shown = names.slice(0, shownMax).join(", ");
  return names.length > shownMax ? `${shown} and ${names.length - shownMax} more` : shown;
}

/** An exact count as the engine gives it: a text. */
export function countIn(value: unknown): number {
  return Number(value ?? 0);
}
