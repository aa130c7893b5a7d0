import { counted } from "../../model/units.ts";
import { isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { sqlTimeDefaultMs } from "../../model/check-shapes.ts";
import type { CheckOf, CheckResult } from "../../model/check.ts";
import { fail, pass, type CheckContext, type Planned } from "./context.ts";

/** Rows that are fetched: enough to see what is wrong. */
const rowsMax = 100;
/** Characters of the row that a failed check shows. */
const shownLengthMax = 200;

/** A statement of the store's owner: each row that it returns is a failure. Exactly one statement that only reads; it may use every table and view. */
export function planSql(check: CheckOf<"sql">, context: CheckContext): Planned {
  const { query, timeout = sqlTimeDefaultMs } = check;
  // The file was read when the configuration was.
  if (query === undefined) throw new LockkeeperError("BUG", `the statement of check ${check.name ?? check.file} was not read`);
  const expectation = {
    name: check.name ?? `sql_${stemOf(check.file) ?? "query"}`,
    check: "sql",
    severity: check.severity,
    expected: "no row",
    sql: query.trim(),
  };
  return { expectation, run };

  async function run(): Promise<CheckResult> {
    try {
      const { columns, rows } = await context.inspection.query(query ?? "", {
        rowsMax,
        timeMaxMs: timeout,
        signal: context.signal,
      });
      const [first] = rows;
      if (!first) return pass(expectation, "no row", "the statement returns no row");
      const shown = columns.map(({ name }, index) => `${name}: ${JSON.stringify(first[index])}`).join(", ");
      const told = shown.length > shownLengthMax ? `${shown.slice(0, shownLengthMax)}…` : shown;
      return fail(expectation, counted(rows.length, "row"), `${counted(rows.length, "row")}; the first is ${told}`);
    } catch (error) {
      if (!isLockkeeperError(error, "LIMIT_ROWS")) throw error;
      return fail(expectation, `more than ${rowsMax} rows`, `the statement returns more than ${rowsMax} rows; expected none`);
    }
  }
}

/** `checks/no_negative.sql` is `no_negative`. */
function stemOf(file: string | undefined): string | undefined {
  return file?.replace(/^.*[/\\]/, "").replace(/\.[^.]*$/, "");
}
