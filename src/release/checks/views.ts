import type { CheckResult } from "../../model/check.ts";
import type { Inspection } from "../engine.ts";

const shownMax = 3;

/** Every view binds while the file is attached under its constant name: none names a folder or catalogue that readers do not have. */
export function checkViews(broken: Inspection["brokenViews"]): CheckResult {
  const common = { name: "views", check: "views", severity: "error", expected: "every view binds" } as const;
  const [first] = broken;
  if (!first) return { ...common, status: "pass", observed: "all bind", message: "every view binds for a reader" };
  const names = broken.slice(0, shownMax).map((view) => `${view.schema}.${view.name}`);
  const more = broken.length > shownMax ? ` and ${broken.length - shownMax} more` : "";
  return {
    ...common,
    status: "fail",
    table: `${first.schema}.${first.name}`,
    observed: `${broken.length} broken: ${names.join(", ")}${more}`,
    message: `view ${first.schema}.${first.name} does not bind for a reader: ${first.error}`,
  };
}
