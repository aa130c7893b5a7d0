import type { Workspace } from "../../workspace/api.ts";
import { operationOptions, usage, type ChangingOptions } from "../arguments.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { diffText } from "../render/diff.ts";
import { pruneText, releasesText, releaseText } from "../render/releases.ts";
import { withWorkspace } from "../workspace.ts";

interface Input extends ChangingOptions {
  readonly action: "list" | "show" | "diff" | "pin" | "unpin" | "prune";
  readonly store: string;
  readonly release?: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly reason?: string;
  readonly until?: string;
}

/** `releases list|show|diff|pin|unpin|prune STORE`. */
export async function run(input: Input, context: CommandContext): Promise<Outcome> {
  return withWorkspace(context, async (workspace) => {
    switch (input.action) {
      case "list": {
        const result = await workspace.releases(input.store);
        return { word: "releases", body: result, exit: 0, text: (style) => releasesText(result, style) };
      }
      case "diff": {
        const result = await workspace.diff(input.store, { from: input.from, to: input.to });
        return { word: "diff", body: result, exit: 0, text: (style) => diffText(result, style) };
      }
      case "prune": {
        const result = await workspace.prune(input.store, operationOptions(input, context));
        return { word: "prune", body: result, exit: 0, text: (style) => pruneText(result, style) };
      }
      default:
        return one(workspace, input, context);
    }
  });
}

async function one(workspace: Workspace, input: Input, context: CommandContext): Promise<Outcome> {
  const { action, store, release = "" } = input;
  if (action === "pin") {
    await workspace.pin(store, release, {
      ...operationOptions(input, context),
      reason: input.reason ?? "",
      until: timeOf(input.until),
    });
  }
  if (action === "unpin" && (await workspace.unpin(store, release, operationOptions(input, context))) === undefined) {
    context.note(`${release} was not pinned`);
  }
  const result = await workspace.release(store, release);
  return { word: "release", body: result, exit: 0, text: (style) => releaseText(result, style) };
}

/** `2027-01-31` (its beginning, UTC) or a full time. */
function timeOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const isTime = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text);
  const time = new Date(isTime ? text : Number.NaN);
  if (!Number.isNaN(time.getTime())) return time;
  throw usage("--until", text, "say a date such as 2027-01-31, or a time with its zone such as 2027-01-31T18:00:00Z");
}
