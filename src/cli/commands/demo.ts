import { fileURLToPath } from "node:url";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { runForeground } from "../../platform/foreground.ts";
import { nodePlatform } from "../../platform/node.ts";
import type { CommandContext, Outcome } from "../context.ts";

interface Input {
  /** What follows `demo`, as it is. */
  readonly words: readonly string[];
}

/** `demo`: runs the example of the package as a program of its own, for it is written the way a user would write it. */
export async function run({ words }: Input, context: CommandContext): Promise<Outcome> {
  const script = fileURLToPath(new URL("../../../examples/flights/demo.mjs", import.meta.url));
  const stat = await nodePlatform().files.stat(script);
  if (stat?.kind !== "file") {
    throw new LockkeeperError("FILE_MISSING", `the demo is not in this installation: ${script} does not exist`, {
      hint: "Install the whole package: npm install lockkeeper.",
      subject: script,
    });
  }
  const { exit } = await runForeground([process.execPath, script, ...words, ...(context.options.json ? ["--json"] : [])]);
  return { printed: true, exit };
}
