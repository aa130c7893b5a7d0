import { refuses } from "../../model/check.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { checkLines } from "../render/checks.ts";
import { withWorkspace } from "../workspace.ts";

interface Input {
  readonly store: string;
  readonly release?: string;
}

/** `check STORE`: 3 when a check of severity `error` failed. */
export async function run({ store, release }: Input, context: CommandContext): Promise<Outcome> {
  return withWorkspace(context, async (workspace) => {
    const result = await workspace.check(store, { release });
    const refused = refuses(result.checks);
    return {
      word: "checks",
      body: result,
      exit: refused ? 3 : 0,
      text: (style) => {
        const verdict = refused ? style.red("does not pass its checks") : style.green("passes its checks");
        return [`${result.store}: ${result.release} ${verdict}`, ...checkLines(result.checks, style)].join("\n");
      },
    };
  });
}
