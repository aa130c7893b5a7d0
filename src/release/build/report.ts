import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { BuildFolder } from "./folder.ts";
import { hasData } from "../artifacts/built.ts";
import { appendHistory, type NewEvent } from "../history.ts";
import { quarantine, type QuarantineReport } from "./quarantine.ts";
import { BuildFailure } from "./run.ts";
import type { OperationOptions, ReleaseStore } from "../store.ts";
import { applyPrune, emptyTrash, planQuarantine } from "../retention.ts";
import { warn } from "../warn.ts";
import { installWaitMs, underWriterLock } from "../writer-lock.ts";

/** Who clears up what others left does not wait long to tell of it. */
const sweepWaitMs = 2_000;

/** A build and who watches it. */
export interface ReportedBuild {
  readonly store: ReleaseStore;
  readonly folder: BuildFolder;
  readonly options: OperationOptions;
}

/** Keeps a refused build in quarantine with its check results, and tells the history. Returns the folder, `undefined` where it could not be kept. */
export async function reportRefusal(
  build: ReportedBuild,
  found: Pick<QuarantineReport, "checks" | "output" | "contents" | "datasets">,
): Promise<string | undefined> {
  const kept = await keep(build, { outcome: "refused", ...found });
  const failed = found.checks.filter((check) => check.status === "fail");
  await tell(build, { type: "release.refused", detail: failed.map((check) => check.message).join("; ") });
  return kept;
}

/** Keeps the report of a failed build and tells the history; an interrupted one leaves nothing. Returns the error to throw. */
export async function reportFailure(build: ReportedBuild, error: unknown): Promise<unknown> {
  const failure = error instanceof BuildFailure ? error.error : error;
  if (!isLockkeeperError(failure) || failure.code === "INTERRUPTED") return failure;
  const { output, checks } = error instanceof BuildFailure ? error : { output: Buffer.alloc(0), checks: [] };
  // A build that could not be switched to has been reported already.
  if ((await build.store.platform.files.stat(build.folder.folder)) === undefined) return failure;
  await keep(build, { outcome: "failed", checks, error: failure, output });
  await tell(build, { type: "build.failed", detail: failure.message });
  return failure;
}

/**
 * A whole, checked build that could not be switched to is not lost: it waits in quarantine. Where the install has already moved its data there is nothing
 * to keep, and no failed build to tell of: it may even be active.
 */
export async function reportUnswitched(
  build: ReportedBuild,
  found: Pick<QuarantineReport, "checks" | "output" | "contents" | "datasets"> & { readonly error: unknown },
): Promise<void> {
  const { error, checks, output, contents, datasets } = found;
  if (!isLockkeeperError(error) || error.code === "INTERRUPTED") return;
  if (!(await hasData(build.store, build.folder))) return build.folder.discard();
  await keep(build, { outcome: "not-switched", checks, error, output, contents, datasets });
  // Whoever holds the writer lock was waited for already.
  await tell(build, { type: "build.failed", detail: error.message }, error.code === "WRITER_LOCKED" ? 0 : installWaitMs);
}

/** Moves a detached build whose lease has expired into quarantine and tells the history; `detail` says when and why. Throws when it cannot be moved. */
export async function reportExpired(build: ReportedBuild, detail: string): Promise<void> {
  await quarantine(build.store, build.folder, { outcome: "expired", detail, checks: [], output: Buffer.alloc(0) });
  await tell(build, { type: "build.failed", detail }, sweepWaitMs);
}

/** A line for a detached build that did not become a release, and of which nothing is kept. */
export async function reportEnded(build: ReportedBuild, detail: string): Promise<void> {
  await tell(build, { type: "build.failed", detail });
}

/** Keeping a build for a look never hides what is to be told of it. */
async function keep({ store, folder, options }: ReportedBuild, report: QuarantineReport): Promise<string | undefined> {
  try {
    return await quarantine(store, folder, report);
  } catch (error) {
    warn(options, `build ${folder.id} could not be kept in quarantine`, error);
    return undefined;
  }
}

/** A line in the history, and an end to what quarantine holds too much of. That neither can be done never hides what is to be told. */
async function tell(
  { store, folder, options }: ReportedBuild,
  { type, detail }: { readonly type: "release.refused" | "build.failed"; readonly detail: string },
  waitMs = installWaitMs,
): Promise<void> {
  const event: NewEvent = { type, build: folder.id, detail: detail.slice(0, 2000) };
  try {
    await underWriterLock(store, { purpose: "report", waitMs }, async () => {
      await appendHistory(store, undefined, [event]);
      await applyPrune(store, { releases: [], others: await planQuarantine(store) });
    });
    await emptyTrash(store);
  } catch (error) {
    warn(options, `the history may have no line of build ${folder.id}`, error);
  }
}
