import type { PublishResult } from "../../model/results.ts";
import { formatBytes } from "../../model/units.ts";
import { checkLines } from "./checks.ts";
import { planLines, relText } from "./plan.ts";
import type { Report } from "../context.ts";
import type { Style } from "./style.ts";
import { counted, printable } from "./text.ts";

/** The report of `publish` and `build commit`: 3 when a check refused the build. */
export function publishOutcome(result: PublishResult): Report {
  const exit = result.outcome === "refused" ? 3 : 0;
  return { word: "publish", body: result, exit, text: (style) => publishText(result, style) };
}

/** `publish` and `build commit`: what is served now, why the build was refused, or what would be done. */
export function publishText(result: PublishResult, style: Style): string {
  if (result.outcome === "planned") return plannedText(result, style);
  if (result.outcome === "refused") return refusedText(result, style);
  const release = relText({ release: result.release ?? "", version: result.version ?? 0 });
  const rows = result.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);
  const before = result.previous ? `; before it was ${relText(result.previous)}` : "";
  const warned = result.checks.filter((check) => check.status === "fail");
  return [
    `${style.green(result.store)} now serves ${style.bold(release)}${before}`,
    `  ${counted(result.tables.length, "table")}, ${counted(rows, "row")}; ${counted(result.checks.length, "check")}; switched in ${result.switchMs ?? 0} ms`,
    ...checkLines(warned, style),
  ].join("\n");
}

function refusedText(result: PublishResult, style: Style): string {
  return [
    `${style.red(result.store)}: the build was refused; what was active stays active`,
    ...checkLines(
      result.checks.filter((check) => check.status === "fail"),
      style,
    ),
    ...(result.quarantine === undefined ? [] : [`  It is kept for a look in ${printable(result.quarantine)}`]),
    style.dim("exit 3"),
  ].join("\n");
}

function plannedText({ store, plan }: PublishResult, style: Style): string {
  if (!plan) return `${store}: nothing to do`;
  return [
    `${store}: would build and publish. Nothing was changed.`,
    `  needs ${formatBytes(plan.bytesNeeded)}, ${formatBytes(plan.bytesFree)} are free${plan.bytesFreed === undefined ? "" : `, ${formatBytes(plan.bytesFreed)} more without the inactive slot`}`,
    ...planLines(plan.steps, style),
  ].join("\n");
}
