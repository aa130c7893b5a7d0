import type { CheckResult } from "../../model/check.ts";
import type { Style } from "./style.ts";
import { printable } from "./text.ts";

/** One line a check, what failed first to the eye: status, name, what was seen and what was wanted. */
export function checkLines(checks: readonly CheckResult[], style: Style): string[] {
  const width = checks.reduce((most, check) => Math.max(most, check.name.length), 0);
  return checks.map((check) => {
    return `  ${markOf(check, style)}  ${printable(check.name).padEnd(width)}  ${printable(check.message)}`;
  });
}

function markOf({ status, severity }: CheckResult, style: Style): string {
  if (status === "pass") return style.green("pass");
  if (status === "skip") return style.dim("skip");
  return severity === "warn" ? style.yellow("warn") : style.red("fail");
}
