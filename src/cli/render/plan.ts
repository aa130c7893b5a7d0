import type { PlanStep, Rel } from "../../model/plan.ts";
import type { SwitchResult } from "../../model/results.ts";
import type { Style } from "./style.ts";
import { printable } from "./text.ts";

/** The steps of a plan with their reasons. */
export function planLines(steps: readonly PlanStep[], style: Style): string[] {
  return steps.map(
    (step) => `  ${style.bold(step.action.padEnd(8))}${printable(step.subject)}\n          ${style.dim(printable(step.reason))}`,
  );
}

/** A release with its version: `r000042 (version 43)`. */
export function relText(rel: Rel): string {
  return `${rel.release} (version ${rel.version})`;
}

/** What a rollback, an adoption or a first copy came to, or would. */
export function switchText(result: SwitchResult, style: Style): string {
  const to = relText(result);
  if (result.outcome === "planned") {
    return [`${result.store}: would make ${to} active. Nothing was changed.`, ...planLines(result.plan?.steps ?? [], style)].join(
      "\n",
    );
  }
  const from = result.previous ? `; before it was ${relText(result.previous)}` : "";
  return `${style.green(result.store)} now serves ${style.bold(to)}${from}`;
}
