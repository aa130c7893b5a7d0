import { isLockkeeperError, type LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { CheckResult } from "../../model/check.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import { fail, sourceOf, type CheckContext, type Expectation, type Measurement } from "./context.ts";

/** Aggregates in one statement: enough for one scan of most tables, few enough for the parser and for the engine's memory. */
const aggregatesMax = 200;

/** Values of a measurement's aggregates, or why they could not be had. */
export type Measured = readonly unknown[] | LockkeeperError;

/**
 * Asks for the aggregates of all measurements, with one statement a table. Where such a statement fails, each measurement is asked alone, so that one that cannot be
 * computed spoils no other. Throws only what `isVerdict` leaves.
 */
export async function measure(context: CheckContext, measurements: readonly Measurement[]): Promise<Map<Measurement, Measured>> {
  const measured = new Map<Measurement, Measured>();
  for (const group of groups(measurements)) {
    const together = await ask(context, group);
    if (!isLockkeeperError(together)) {
      let position = 0;
      for (const measurement of group)
        measured.set(measurement, together.slice(position, (position += measurement.aggregates.length)));
      continue;
    }
    for (const measurement of group) {
      measured.set(measurement, group.length === 1 ? together : await ask(context, [measurement]));
    }
  }
  return measured;
}

/** Whether an error of a statement says something of the release, and not of the engine: then it is a failed check. */
export function isVerdict(error: unknown): error is LockkeeperError {
  return isLockkeeperError(error, "QUERY_FAILED", "QUERY_REFUSED", "BIND_FAILED", "DATABASE_CORRUPT", "LIMIT_TIME", "LIMIT_ROWS");
}

/** The failed result of a check whose statement failed. */
export function failedBy(expectation: Expectation, error: LockkeeperError): CheckResult {
  const message = error.hint ? `${error.message}. ${error.hint}` : error.message;
  return fail(expectation, error.code, expectation.table === undefined ? message : `${expectation.table}: ${message}`);
}

/** Measurements by table, in parts that one statement can hold. */
function groups(measurements: readonly Measurement[]): Measurement[][] {
  const byTable = new Map<ReleaseTable, Measurement[]>();
  for (const measurement of measurements)
    byTable.set(measurement.table, [...(byTable.get(measurement.table) ?? []), measurement]);
  return [...byTable.values()].flatMap((ofTable) => {
    const parts: Measurement[][] = [];
    let count = Infinity;
    for (const measurement of ofTable) {
      count += measurement.aggregates.length;
      if (count > aggregatesMax) {
        parts.push([]);
        count = measurement.aggregates.length;
      }
      parts.at(-1)?.push(measurement);
    }
    return parts;
  });
}

async function ask(context: CheckContext, group: readonly Measurement[]): Promise<Measured> {
  const [first] = group;
  if (!first) return [];
  const aggregates = group.flatMap((measurement) => measurement.aggregates);
  try {
    const { rows } = await context.inspection.query(`SELECT ${aggregates.join(",\n")} FROM ${sourceOf(context, first.table)}`, {
      signal: context.signal,
    });
    return rows[0] ?? [];
  } catch (error) {
    if (isVerdict(error)) return error;
    throw error;
  }
}
