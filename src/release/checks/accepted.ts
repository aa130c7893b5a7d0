import { counted } from "../../model/units.ts";
import type { CheckOf, CheckResult } from "../../model/check.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import {
  countIn,
  fail,
  listed,
  pass,
  resolve,
  rowsSql,
  sourceOf,
  type CheckContext,
  type Expectation,
  type Planned,
} from "./context.ts";
import { familyOf, type TypeFamily } from "../../model/column-type.ts";

/** Values that are compared in the common scan. Each row meets all of them: 32 took half as long again as a join with 1,000 (10 M rows). */
const inScanMax = 16;
/** Other values that a failed check names. */
const shownMax = 5;
/** Characters of one of them. */
const shownLengthMax = 60;

/** Types whose list is one of texts; a list of JSON would take each literal for a document. */
const plainTexts = /^(?:VARCHAR$|ENUM)/;

const needed: Readonly<Record<string, TypeFamily>> = { string: "text", number: "number", boolean: "boolean" };

/** A column holds only the listed values. NULL passes, as with a CHECK in SQL; NaN and infinity are other values. */
export function planAccepted(check: CheckOf<"accepted">, context: CheckContext): Planned {
  const expectation = {
    name: check.name ?? `accepted_${check.table}_${check.column}`,
    check: "accepted",
    severity: check.severity,
    table: check.table,
    column: check.column,
    expected: listed(check.values.map((value) => JSON.stringify(value))),
  };
  const found = resolve(context, expectation, [check.column]);
  if ("missing" in found) return found.missing;
  const { table, columns } = found;
  const { name = "", type = "" } = columns[0] ?? {};
  const kind = typeof check.values[0];
  if (familyOf(type) !== needed[kind]) {
    return fail(expectation, type, `${check.table}.${name} is ${type}, which does not compare with the ${kind}s in \`values\``);
  }
  const quoted = context.inspection.identifier(name);
  // An ENUM compared with a text that it does not know would fail to convert.
  const value = type.startsWith("ENUM") ? `CAST(${quoted} AS VARCHAR)` : quoted;
  const literals = check.values.map((each) => literalOf(context, each));
  const listing: Listing = { context, table, quoted, expectation, where: `${check.table}.${name}` };
  if (literals.length > inScanMax) return { expectation, run: () => longList(listing, value, literals) };
  const other = `${value} NOT IN (${literals.join(", ")})`;
  // Of a dictionary's texts the engine asks a function once, but compares row by row: a quarter of the time (10 M rows, three values).
  const unlisted = plainTexts.test(type) ? `NOT list_contains([${literals.join(", ")}], ${value})` : other;
  return {
    expectation,
    table,
    aggregates: [`count(*) FILTER (WHERE ${unlisted})`],
    async judge([count]) {
      const suspects = countIn(count);
      // The function knows no collation: a text that it does not find may be accepted, one that it finds always is.
      const rows = suspects > 0 && unlisted !== other ? await countOthers(listing, other) : suspects;
      return judge(listing, rows, { other, look: other });
    },
  };
}

async function countOthers({ context, table }: Listing, other: string): Promise<number> {
  const { rows } = await context.inspection.query(`SELECT count(*) FROM ${sourceOf(context, table)} WHERE ${other}`, {
    signal: context.signal,
  });
  return countIn(rows[0]?.[0]);
}

/** A column and what its other values are told with. */
interface Listing {
  readonly context: CheckContext;
  readonly table: ReleaseTable;
  readonly quoted: string;
  readonly expectation: Expectation;
  /** The column's name for messages. */
  readonly where: string;
}

/** A long list is joined: compared value by value, each row would meet all of it. */
async function longList(listing: Listing, value: string, literals: readonly string[]): Promise<CheckResult> {
  const { context, table, quoted } = listing;
  const values = literals.map((literal) => `(${literal})`).join(", ");
  const other = `checked.${quoted} IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM (VALUES ${values}) AS accepted(accepted_value) WHERE accepted.accepted_value = ${value.replace(quoted, () => `checked.${quoted}`)})`;
  const { rows } = await context.inspection.query(`SELECT count(*) FROM ${sourceOf(context, table)} AS checked WHERE ${other}`, {
    signal: context.signal,
  });
  return judge(listing, countIn(rows[0]?.[0]), { other, look: undefined });
}

/** `other` is the condition of an other value; `look` the one for people, where the list is short enough to read. */
async function judge(
  { context, table, quoted, expectation, where }: Listing,
  rows: number,
  { other, look }: { readonly other: string; readonly look: string | undefined },
): Promise<CheckResult> {
  if (rows === 0) return pass(expectation, "no other value", `${where} holds no other value`);
  const shownValue = `left(CAST(${quoted} AS VARCHAR), ${shownLengthMax})`;
  const seen = await context.inspection.query(
    `SELECT DISTINCT ${shownValue} FROM ${sourceOf(context, table)} AS checked WHERE ${other} LIMIT ${shownMax + 1}`,
    { signal: context.signal },
  );
  const texts = seen.rows.map(([text]) => String(text));
  const shown = `${texts
    .slice(0, shownMax)
    .map((text) => JSON.stringify(text))
    .join(", ")}${texts.length > shownMax ? ", …" : ""}`;
  const observed = `${counted(rows, "row")} with ${shown}`;
  const which = look ?? `${shownValue} IN (${texts.map((text) => context.inspection.literal(text)).join(", ")})`;
  const failed = { ...expectation, sql: rowsSql(context, table, `WHERE ${which}`) };
  return fail(failed, observed, `${where}: ${observed}; expected ${expectation.expected}`);
}

function literalOf({ inspection }: CheckContext, value: string | number | boolean): string {
  if (typeof value === "string") return inspection.literal(value);
  // -0 and 0 are one number.
  return value === 0 ? "0" : String(value);
}
