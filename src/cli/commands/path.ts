import type { CommandContext, Outcome } from "../context.ts";
import { withWorkspace } from "../workspace.ts";

interface Input {
  readonly store: string;
  readonly table: string | undefined;
}

/** `path STORE [TABLE]`: one path a line, for `$(…)` in a shell. */
export async function run({ store, table }: Input, context: CommandContext): Promise<Outcome> {
  return withWorkspace(context, async (workspace) => {
    const result = await workspace.path(store, { table });
    return { word: "path", body: result, exit: 0, text: () => result.files.join("\n") };
  });
}
