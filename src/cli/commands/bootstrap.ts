import type { CommandContext, Outcome } from "../context.ts";
import { bootstrapText } from "../render/bootstrap.ts";
import { withWorkspace } from "../workspace.ts";

interface Input {
  readonly store: string;
  readonly extension?: readonly string[] | undefined;
  readonly dryRun?: boolean | undefined;
}

/** `bootstrap STORE`: 3 when an extension could not be had. */
export async function run({ store, extension, dryRun }: Input, context: CommandContext): Promise<Outcome> {
  return withWorkspace(context, async (workspace) => {
    const result = await workspace.bootstrap(store, { extensions: extension, dryRun, signal: context.interruption() });
    const complete = result.extensions.every(({ status }) => status === "loaded");
    return { word: "bootstrap", body: result, exit: complete ? 0 : 3, text: (style) => bootstrapText(result, style) };
  });
}
