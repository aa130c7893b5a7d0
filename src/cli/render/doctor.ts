import type { DoctorCheck } from "../../model/doctor/check.ts";
import type { Style } from "./style.ts";
import { counted, printable } from "./text.ts";

/** `doctor`: the machine, then store by store, a line a check; what to do under each that needs something done. Last, how many there are of each. */
export function doctorText(checks: readonly DoctorCheck[], style: Style): string {
  const width = checks.reduce((most, { name }) => Math.max(most, name.length), 0);
  const stores = new Set(checks.map(({ store }) => store));
  const parts = [...stores].map((store) => {
    const own = checks.filter((check) => check.store === store);
    return [style.bold(printable(store ?? "this machine")), ...own.flatMap((check) => checkLines(check, { width, style }))];
  });
  return [...parts.map((lines) => lines.join("\n")), totals(checks, style)].join("\n\n");
}

function checkLines(
  { name, status, observed, remedy }: DoctorCheck,
  { width, style }: { readonly width: number; readonly style: Style },
): string[] {
  const lines = [`  ${colored(status, style)}  ${name.padEnd(width)}  ${printable(observed)}`];
  return remedy === undefined ? lines : [...lines, `        ${style.dim(printable(remedy))}`];
}

function colored(status: DoctorCheck["status"], style: Style): string {
  if (status === "pass") return style.green(status);
  return status === "warn" ? style.yellow(status) : style.red(status);
}

function totals(checks: readonly DoctorCheck[], style: Style): string {
  const count = (status: DoctorCheck["status"]) => checks.filter((check) => check.status === status).length;
  const failed = count("fail");
  const words = `${counted(checks.length, "check")}: ${count("pass")} pass, ${count("warn")} warn, ${failed} fail`;
  return failed > 0 ? `${words}\n${style.dim("exit 3")}` : words;
}
