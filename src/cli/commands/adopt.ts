import { isSlot } from "../../model/layout.ts";
import { operationOptions, usage, type ChangingOptions } from "../arguments.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { switchText } from "../render/plan.ts";
import { withWorkspace } from "../workspace.ts";

interface Input extends ChangingOptions {
  readonly store: string;
  readonly slot?: string;
  readonly release?: string;
  readonly reason?: string;
}

/** `adopt STORE`: takes over a store that another program switched. */
export async function run(input: Input, context: CommandContext): Promise<Outcome> {
  const { store, slot, release, reason } = input;
  if (slot !== undefined && !isSlot(slot)) throw usage("--slot", slot, "say a or b");
  if (slot !== undefined && release !== undefined) throw usage("--release", release, "say --slot or --release, not both");
  return withWorkspace(context, async (workspace) => {
    const result = await workspace.adopt(store, { ...operationOptions(input, context), slot, release, reason });
    return { word: "switch", body: result, exit: 0, text: (style) => switchText(result, style) };
  });
}
