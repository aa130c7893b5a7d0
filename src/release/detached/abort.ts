import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { BuildSummary } from "../../model/results.ts";
import { reportEnded } from "../build/report.ts";
import { prepareFolders } from "../open.ts";
import type { OperationOptions, ReleaseStore } from "../store.ts";
import { namingErrors } from "../system-errors.ts";
import { buildUnknown } from "./fate.ts";
import { claimBuild } from "./claim.ts";
import { summaryOf } from "./list.ts";

/** Why a build is given up. */
export interface AbortOptions extends OperationOptions {
  /** In the operator's words; kept in the history. 2,000 characters at most. */
  readonly reason?: string | undefined;
}

/** Characters of a reason. */
const reasonMax = 2_000;

/**
 * Gives a detached build up: its folder is removed with all that is in it, and the history gets a line. Needs no lease that can be read. Throws `BUILD_UNKNOWN`, also for one
 * that was aborted before; `BUILD_LOCKED` while a commit has it; `INTERRUPTED` while it waits for that.
 */
export async function abortBuild(store: ReleaseStore, id: string, options: AbortOptions = {}): Promise<BuildSummary> {
  const { reason } = options;
  if (reason !== undefined && (reason.trim() === "" || reason.length > reasonMax)) {
    throw new LockkeeperError("USAGE", `the reason of an abort has ${reason.length} characters; it needs 1 to ${reasonMax}`, {
      subject: "reason",
    });
  }
  return namingErrors(store, async () => {
    if (options.dryRun) return summaryOrUnknown(store, id);
    const build = await claimBuild(store, id, { ...options, purpose: "abort" });
    try {
      await prepareFolders(store);
      const summary = { ...(await summaryOrUnknown(store, id)), state: "aborted" as const };
      await store.platform.failpoint("abort.claimed");
      await build.discard();
      await reportEnded({ store, folder: build, options }, reason === undefined ? "aborted" : `aborted: ${reason}`);
      return summary;
    } finally {
      await build.unlock();
    }
  });
}

async function summaryOrUnknown(store: ReleaseStore, id: string): Promise<BuildSummary> {
  const summary = await summaryOf(store, id);
  if (summary && summary.state !== "attached" && summary.state !== "left") return summary;
  throw await buildUnknown([store], id);
}
