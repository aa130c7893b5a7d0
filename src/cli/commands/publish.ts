import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { baseOf, operationOptions, type ChangingOptions } from "../arguments.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { withPipes } from "../pipes/with-pipes.ts";
import { publishOutcome } from "../render/publish.ts";
import { withWorkspace } from "../workspace.ts";
import type { Build } from "../../workspace/api.ts";

interface Input extends ChangingOptions {
  readonly store: string;
  readonly command: readonly string[];
  readonly base?: string;
  readonly sql?: string;
  readonly fromDir?: string;
}

/** `publish STORE [-- CMD…]`: 3 when a check refused the build. */
export async function run(input: Input, given: CommandContext): Promise<Outcome> {
  return withPipes(given, async (context, made) => {
    assertAfterDashes(input.command);
    return withWorkspace(context, async (workspace) => {
      const options = { ...operationOptions(input, context), base: baseOf(input.base) };
      const result = await workspace.publish(input.store, buildOf(input), options);
      made(result, workspace.serveSettings().origin);
      return publishOutcome(result);
    });
  });
}

function buildOf({ command, sql, fromDir }: Input): Build | undefined {
  const given = [
    ...(sql === undefined ? [] : [{ name: `--sql ${sql}`, build: { sql } }]),
    ...(fromDir === undefined ? [] : [{ name: `--from-dir ${fromDir}`, build: { fromDir } }]),
    ...(command.length === 0 ? [] : [{ name: "a command", build: { command } }]),
  ];
  if (given.length < 2) return given[0]?.build;
  throw new LockkeeperError("USAGE", `${given.map(({ name }) => name).join(" and ")} were given; a build has one of them`, {
    hint: "Leave all but one out.",
    subject: sql === undefined ? "--from-dir" : "--sql",
  });
}

/** Without `--` an option of the command, `-c` say, would be taken for one of ours. */
function assertAfterDashes(command: readonly string[]): void {
  if (command.length === 0 || process.argv.includes("--")) return;
  throw new LockkeeperError("USAGE", `"${command[0]}" is one argument too many`, {
    hint: "Put -- before the command to run: lockkeeper publish STORE -- COMMAND",
  });
}
