import { countOf, operationOptions, type ChangingOptions } from "../arguments.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { switchText } from "../render/plan.ts";
import { withWorkspace } from "../workspace.ts";

interface Input extends ChangingOptions {
  readonly store: string;
  readonly to?: string;
  readonly steps?: string;
  readonly reason?: string;
}

/** `rollback STORE`: makes an older release active again. */
export async function run(input: Input, context: CommandContext): Promise<Outcome> {
  const steps = input.steps === undefined ? undefined : countOf("--steps", input.steps);
  return withWorkspace(context, async (workspace) => {
    const { to, reason } = input;
    const result = await workspace.rollback(input.store, { ...operationOptions(input, context), to, steps, reason });
    return { word: "switch", body: result, exit: 0, text: (style) => switchText(result, style) };
  });
}
