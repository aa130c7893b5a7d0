import type { Workspace } from "../workspace/api.ts";
import { openWorkspace } from "../workspace/workspace.ts";
import type { CommandContext } from "./context.ts";

/** Gives a command the workspace that its options mean, and closes it when the command is done. */
export async function withWorkspace<Result>(
  context: CommandContext,
  use: (workspace: Workspace) => Promise<Result>,
): Promise<Result> {
  const workspace = await openWorkspace({ config: context.options.config });
  try {
    return await use(workspace);
  } finally {
    await workspace.close();
  }
}
