import { baseOf, durationOf, operationOptions, type ChangingOptions } from "../arguments.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { abortedText, beganText, buildsText, exportText, renewedText } from "../render/builds.ts";
import { withPipes } from "../pipes/with-pipes.ts";
import { publishOutcome } from "../render/publish.ts";
import { withWorkspace } from "../workspace.ts";

interface Input extends ChangingOptions {
  readonly action: "begin" | "commit" | "renew" | "abort" | "list";
  readonly store?: string;
  readonly build?: string;
  readonly base?: string;
  readonly lease?: string;
  readonly label?: string;
  readonly reason?: string;
  readonly export?: boolean;
}

/** `build begin|commit|renew|abort|list`: 3 when a check refused what was to be committed. */
export async function run(input: Input, context: CommandContext): Promise<Outcome> {
  const { action, store = "", build = "", reason, label } = input;
  if (action === "commit") return commit(input, context);
  const leaseMs = input.lease === undefined ? undefined : durationOf("--lease", input.lease);
  return withWorkspace(context, async (workspace): Promise<Outcome> => {
    switch (action) {
      case "begin": {
        const result = await workspace.beginBuild(store, {
          ...operationOptions(input, context),
          base: baseOf(input.base),
          leaseMs,
          label,
        });
        const text = input.export ? () => exportText(result) : beganText.bind(undefined, result);
        return { word: "build", body: result, exit: 0, text };
      }
      case "renew": {
        const result = await workspace.renewBuild(build, { ...operationOptions(input, context), leaseMs });
        return { word: "build", body: result, exit: 0, text: (style) => renewedText(result, style) };
      }
      case "abort": {
        const result = await workspace.abortBuild(build, { ...operationOptions(input, context), reason });
        return { word: "builds", body: { builds: [result] }, exit: 0, text: (style) => abortedText(result, style) };
      }
      case "list": {
        const result = await workspace.builds(input.store);
        return { word: "builds", body: result, exit: 0, text: (style) => buildsText(result, style) };
      }
    }
  });
}

async function commit(input: Input, given: CommandContext): Promise<Outcome> {
  return withPipes(given, (context, made) =>
    withWorkspace(context, async (workspace) => {
      const result = await workspace.commitBuild(input.build ?? "", { ...operationOptions(input, context), note: input.reason });
      made(result, workspace.serveSettings().origin);
      return publishOutcome(result);
    }),
  );
}
