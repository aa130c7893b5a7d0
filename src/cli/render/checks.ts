import type { CheckResult } from "../../model/check.ts";
import type { Style } from "./style.ts";
import { printable } from "./text.ts";

/**
 * One line a check, what failed first to the eye: status, name, what was seen and what was wanted. A failed one is followed by where it was seen, and by the statement that
 * shows the rows.
 */
export function checkLines(checks: readonly CheckResult[], style: Style): string[] {
  const width = checks.reduce((most, check) => Math.max(most, check.name.length), 0);
  return checks.flatMap((check) => [
    `  ${markOf(check, style)}  ${printable(check.name).padEnd(width)}  ${printable(check.message)}`,
    ...(check.status === "fail" ? detailLines(check).map((line) => `        ${style.dim(line)}`) : []),
  ]);
}

function detailLines({ table, column, observed, expected, sql }: CheckResult): string[] {
  const place = [...(table === undefined ? [] : [`table ${table}`]), ...(column === undefined ? [] : [`column ${column}`])];
  return [
    printable([...place, `observed ${observed}`, `expected ${expected}`].join("; ")),
    // Some statements have lines of their own; a person pastes them as they are.
    ...(sql === undefined ? [] : ["look at the rows:", ...sql.split(/\r?\n/).map((line) => `  ${printable(line)}`)]),
  ];
}

function markOf({ status, severity }: CheckResult, style: Style): string {
  if (status === "pass") return style.green("pass");
  if (status === "skip") return style.dim("skip");
  return severity === "warn" ? style.yellow("warn") : style.red("fail");
}
