import type { PublishResult } from "../../model/results.ts";
import type { CommandContext, Outcome } from "../context.ts";

/**
 * What makes a release. `made` takes the result as soon as there is one, with `http://host:port` where it is served, if that is known; it throws
 * `USAGE` for a result that Dagster would take for another.
 */
export type ReleaseWork = (
  context: CommandContext,
  made: (result: PublishResult, origin: string | undefined) => void,
) => Promise<Outcome>;

/**
 * Runs a command that makes a release. Where Dagster started it (`DAGSTER_PIPES_CONTEXT`), Dagster is told how it goes, what became of it, and at last that
 * nothing more follows.
 */
export async function withPipes(context: CommandContext, work: ReleaseWork): Promise<Outcome> {
  if (!process.env["DAGSTER_PIPES_CONTEXT"]) return work(context, () => undefined);
  const { runInSession } = await import("./session.ts");
  return runInSession(context, work);
}
