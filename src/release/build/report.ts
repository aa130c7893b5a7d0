import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { CheckResult } from "../../model/check.ts";
import type { BuildFolder } from "./folder.ts";
import { appendHistory, type NewEvent } from "../history.ts";
import { quarantine } from "./quarantine.ts";
import { BuildFailure } from "./run.ts";
import type { OperationOptions, ReleaseStore } from "../store.ts";
import { installWaitMs, underWriterLock } from "../writer-lock.ts";

/** A build and who watches it. */
export interface ReportedBuild {
  readonly store: ReleaseStore;
  readonly folder: BuildFolder;
  readonly options: OperationOptions;
}

/** Keeps a refused build in quarantine with its check results, and tells the history. Returns the folder. */
export async function reportRefusal(
  build: ReportedBuild,
  found: { readonly checks: readonly CheckResult[]; readonly output: Buffer },
): Promise<string> {
  const kept = await quarantine(build.store, build.folder, { outcome: "refused", ...found });
  const failed = found.checks.filter((check) => check.status === "fail");
  await tell(build, "release.refused", failed.map((check) => check.message).join("; "));
  return kept;
}

/** Keeps the report of a failed build and tells the history; an interrupted one leaves nothing. Returns the error to throw. */
export async function reportFailure(build: ReportedBuild, error: unknown): Promise<unknown> {
  const failure = error instanceof BuildFailure ? error.error : error;
  if (!isLockkeeperError(failure) || failure.code === "INTERRUPTED") return failure;
  const output = error instanceof BuildFailure ? error.output : Buffer.alloc(0);
  // A build that could not be switched to was moved into quarantine already.
  if ((await build.store.platform.files.stat(build.folder.folder)) === undefined) return failure;
  await quarantine(build.store, build.folder, { outcome: "failed", checks: [], error: failure, output });
  await tell(build, "build.failed", failure.message);
  return failure;
}

/** A whole, checked build that could not be switched to is not lost: it waits in quarantine, unless the install has already moved it. */
export async function reportUnswitched(
  build: ReportedBuild,
  found: { readonly error: unknown; readonly checks: readonly CheckResult[]; readonly output: Buffer },
): Promise<void> {
  const { error, checks, output } = found;
  if (!isLockkeeperError(error) || error.code === "INTERRUPTED") return;
  if ((await build.store.platform.files.stat(build.folder.path)) === undefined) return;
  await quarantine(build.store, build.folder, { outcome: "not-switched", checks, error, output });
}

/** A line in the history. That it cannot be written never hides what is to be told. */
async function tell(
  { store, folder, options }: ReportedBuild,
  type: "release.refused" | "build.failed",
  detail: string,
): Promise<void> {
  const event: NewEvent = { type, build: folder.id, detail: detail.slice(0, 2000) };
  try {
    await underWriterLock(store, { purpose: "report", waitMs: installWaitMs }, () => appendHistory(store, undefined, [event]));
  } catch (error) {
    options.onProgress?.({ kind: "warning", detail: `the history has no line of build ${folder.id}: ${String(error)}` });
  }
}
