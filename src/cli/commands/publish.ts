import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { PublishResult } from "../../model/results.ts";
import { formatBytes } from "../../model/units.ts";
import { operationOptions, type ChangingOptions } from "../arguments.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { checkLines } from "../render/checks.ts";
import { planLines, relText } from "../render/plan.ts";
import type { Style } from "../render/style.ts";
import { counted, printable } from "../render/text.ts";
import { withWorkspace } from "../workspace.ts";

interface Input extends ChangingOptions {
  readonly store: string;
  readonly command: readonly string[];
}

/** `publish STORE [-- CMD…]`: 3 when a check refused the build. */
export async function run(input: Input, context: CommandContext): Promise<Outcome> {
  const { store, command } = input;
  assertAfterDashes(command);
  return withWorkspace(context, async (workspace) => {
    const result = await workspace.publish(store, command.length > 0 ? { command } : undefined, operationOptions(input, context));
    return {
      word: "publish",
      body: result,
      exit: result.outcome === "refused" ? 3 : 0,
      text: (style) => publishText(result, style),
    };
  });
}

/** Without `--` an option of the command, `-c` say, would be taken for one of ours. */
function assertAfterDashes(command: readonly string[]): void {
  if (command.length === 0 || process.argv.includes("--")) return;
  throw new LockkeeperError("USAGE", `"${command[0]}" is one argument too many`, {
    hint: "Put -- before the command to run: lockkeeper publish STORE -- COMMAND",
  });
}

function publishText(result: PublishResult, style: Style): string {
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
    `  needs ${formatBytes(plan.bytesNeeded)}, ${formatBytes(plan.bytesFree)} are free`,
    ...planLines(plan.steps, style),
  ].join("\n");
}
