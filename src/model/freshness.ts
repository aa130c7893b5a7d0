import type { CheckOf, CheckResult } from "./check.ts";
import { familyOf } from "./column-type.ts";
import { counted, formatDuration, formatElapsed } from "./units.ts";

/** How far ahead of this machine's clock a time may lie: two machines' clocks differ by less. */
const aheadMaxMs = 300_000;
/** The same for a DATE, which is a day's start: where the day begins first, it is 14 hours ahead of UTC. */
const aheadMaxDateMs = 86_400_000;

/** What a `fresh` check asks for, as far as its verdict goes. */
export type FreshRule = Pick<CheckOf<"fresh">, "table" | "column" | "severity" | "warn_after" | "error_after">;

/** What was seen of a column. */
export interface SeenAges {
  /** Rows with a value. */
  readonly values: number;
  /** Rows whose value is in the future. */
  readonly ahead: number;
  /** Milliseconds since 1970 of the newest value that is not; `undefined` or NaN where there is none, or none that is finite. */
  readonly newestMs: number | undefined;
}

/** Whether a column is young enough; `severity` is that of the result. */
export type AgeVerdict = Pick<CheckResult, "status" | "severity" | "observed" | "message">;

/** Whether values of a type have an age. */
export function hasAge(type: string): boolean {
  const family = familyOf(type);
  return family === "zoneless" || family === "zoned";
}

/** The limits of a rule, for people: `warn after 26h, error after 50h`. */
export function freshLimits({ warn_after: warnMs, error_after: errorMs }: FreshRule): string {
  const limits = [
    ...(warnMs === undefined ? [] : [`warn after ${formatDuration(warnMs)}`]),
    ...(errorMs === undefined ? [] : [`error after ${formatDuration(errorMs)}`]),
  ];
  return limits.join(", ");
}

/** The latest time that is not in the future, as SQL of the column's family; comparing it needs no time zone to be set. */
export function latestNow(now: Date, type: string): string {
  if (type === "DATE") return `CAST('${isoOf(now, aheadMaxDateMs).slice(0, 10)}' AS DATE)`;
  const time = isoOf(now, aheadMaxMs).replace("T", " ").replace("Z", "");
  return familyOf(type) === "zoned" ? `CAST('${time}+00' AS TIMESTAMPTZ)` : `CAST('${time}' AS TIMESTAMP)`;
}

/** The aggregates that tell the ages of a column, given as SQL names it; `seenAges` reads their values. */
export function ageAggregates(column: string, latest: string): readonly string[] {
  return [
    `count(${column})`,
    `count(*) FILTER (WHERE ${column} > ${latest})`,
    `epoch_ms(max(${column}) FILTER (WHERE ${column} <= ${latest}))`,
  ];
}

/** What the values of `ageAggregates` say. */
export function seenAges([values, ahead, newest]: readonly unknown[]): SeenAges {
  return {
    values: Number(values ?? 0),
    ahead: Number(ahead ?? 0),
    newestMs: newest === null || newest === undefined ? undefined : Number(newest),
  };
}

/**
 * The newest value of a column against the clock. Values in the future say nothing about age: they are passed over and told. No value at all fails.
 */
export function judgeAges(rule: FreshRule, seen: SeenAges, nowMs: number): AgeVerdict {
  const { warn_after: warnMs = Infinity, error_after: errorMs = Infinity } = rule;
  const where = `${rule.table}.${rule.column}`;
  const expected = freshLimits(rule);
  const future = seen.ahead === 0 ? "" : `${counted(seen.ahead, "row")} in the future`;
  if (seen.newestMs === undefined || Number.isNaN(seen.newestMs)) {
    const severity = errorMs === Infinity ? "warn" : rule.severity;
    const observed = future || (seen.values === 0 ? "no value" : "no finite value");
    const message = `${where} has ${observed}, so its age is unknown; expected ${expected}`;
    return { status: "fail", severity, observed, message };
  }
  const ageMs = Math.max(nowMs - seen.newestMs, 0);
  const age = `${formatElapsed(ageMs)} old`;
  const observed = [`${dateText(seen.newestMs)}, ${age}`, ...(future ? [future] : [])].join("; ");
  const message = `${where}: newest is ${observed}; ${expected}`;
  if (ageMs > errorMs) return { status: "fail", severity: rule.severity, observed, message };
  // Rows from the future alone never refuse a release: they do not make what is there older.
  if (ageMs > warnMs || seen.ahead > 0) return { status: "fail", severity: "warn", observed, message };
  return { status: "pass", severity: rule.severity, observed, message };
}

function isoOf(now: Date, plusMs: number): string {
  return new Date(now.getTime() + plusMs).toISOString();
}

/** RFC 3339; years that it has no place for are told as milliseconds. */
function dateText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms since 1970` : date.toISOString();
}
