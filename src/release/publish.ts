import { throwIfInterrupted } from "../errors/interrupted.ts";
import { refuses } from "../model/check.ts";
import type { PublishResult } from "../model/results.ts";
import type { HeldLock } from "../platform/lock.ts";
import { basenameOf } from "./basename.ts";
import { makeBuildFolder, sweepBuilds, type BuildFolder } from "./build/folder.ts";
import { runChecks } from "./checks/run-checks.ts";
import { installAndSwitch } from "./install.ts";
import { prepareFolders } from "./open.ts";
import { assertSpace, baseOf, planPublish } from "./plan-publish.ts";
import { reportFailure, reportRefusal, reportUnswitched } from "./build/report.ts";
import { runBuild, type BuildBase, type BuildOutcome } from "./build/run.ts";
import { seal } from "./build/seal.ts";
import { readPublishableState, storeNotEmpty } from "./state.ts";
import type { BuildSource, OperationOptions, PublishOptions, PublishPhase, ReleaseStore } from "./store.ts";
import { namedError, namingErrors } from "./system-errors.ts";
import { warn } from "./warn.ts";
import { takeBuildLock } from "./writer-lock.ts";

/**
 * Builds a release in a private folder, seals and checks it, and switches readers to it. A build that fails throws (`BUILD_FAILED`, …) and one that a
 * check refuses resolves with outcome `refused`; in both cases nothing changed for any reader. Throws `BUILD_LOCKED`, `WRITER_LOCKED`,
 * `FOREIGN_MANIFEST`, `MANIFEST_GONE`, `SLOT_BUSY`, `DISK_FULL`, `INTERRUPTED`.
 */
export async function publish(store: ReleaseStore, source: BuildSource, options: PublishOptions = {}): Promise<PublishResult> {
  return namingErrors(store, async () => {
    if (options.dryRun) {
      const plan = await planPublish(store, source, await readPublishableState(store));
      return { store: store.name, outcome: "planned", checks: [], tables: [], plan };
    }
    await prepareFolders(store);
    const lock = await takeBuildLock(store, options);
    try {
      return await publishUnderBuildLock(store, source, { lock, options });
    } finally {
      await lock.release();
    }
  });
}

async function publishUnderBuildLock(
  store: ReleaseStore,
  source: BuildSource,
  { lock, options }: { readonly lock: HeldLock; readonly options: PublishOptions },
): Promise<PublishResult> {
  phase(options, "begin");
  await cleanUp(store, lock, options);
  const state = await readPublishableState(store);
  if (options.firstOnly && state.current) throw storeNotEmpty(store);
  assertSpace(store, await planPublish(store, source, state));
  const base = await baseOf(store, state);
  const folder = await makeBuildFolder(store, await basenameOf(store, state.current));
  try {
    throwIfInterrupted(options.signal, "the build");
    await store.platform.failpoint("build.begun");
    phase(options, "build", folder.path);
    const outcome = await runBuild(store, source, { folder, base, lock, options });
    return await finishBuild(store, { folder, outcome, base, lock, options });
  } catch (error) {
    throw await reportFailure({ store, folder, options }, namedError(store, error));
  } finally {
    // Neither a release that is out nor the reason of a failure is hidden by what could not be cleaned.
    await folder.discard().catch((error: unknown) => warn(options, `build ${folder.id} could not be removed`, error));
  }
}

/** Removes what a dead publisher left; the build lock is held, so no command of its still writes there. */
async function cleanUp(store: ReleaseStore, lock: HeldLock, options: OperationOptions): Promise<void> {
  const tell = (detail: string) => options.onProgress?.({ kind: "cleaned", detail });
  if (lock.lastHolderDied) tell(`the last publisher, process ${lock.lastHolderDied.pid}, died`);
  for (const { id, error } of await sweepBuilds(store)) {
    if (error === undefined) tell(`removed build ${id}, which nobody finished`);
    else warn(options, `build ${id}, which nobody finished, could not be removed`, error);
  }
}

interface BuiltRelease {
  readonly folder: BuildFolder;
  readonly outcome: BuildOutcome;
  readonly base: BuildBase | undefined;
  readonly lock: HeldLock;
  readonly options: PublishOptions;
}

async function finishBuild(store: ReleaseStore, built: BuiltRelease): Promise<PublishResult> {
  const { folder, outcome, options } = built;
  phase(options, "seal");
  const sealed = await seal(store, folder.path, options.signal);
  try {
    throwIfInterrupted(options.signal, "the build");
    phase(options, "check");
    const checked = await runChecks(store, folder.path, folder.basename);
    throwIfInterrupted(options.signal, "the build");
    const { checks } = checked;
    const tables = checked.tables.map(({ schema, name, rows }) => ({ schema, name, ...(rows !== undefined && { rows }) }));
    if (refuses(checks)) {
      await sealed.release();
      const quarantine = await reportRefusal({ store, folder, options }, { checks, output: outcome.output });
      return { store: store.name, outcome: "refused", build: folder.id, checks, tables, ...(quarantine && { quarantine }) };
    }
    try {
      const build = { sealed, checked, builder: outcome.builder, parent: built.base, buildLock: built.lock };
      const installed = await installAndSwitch(store, build, options);
      phase(options, "done");
      return { store: store.name, outcome: "switched", build: folder.id, checks, tables, ...installed };
    } catch (thrown) {
      const error = namedError(store, thrown);
      await sealed.release();
      await reportUnswitched({ store, folder, options }, { error, checks, output: outcome.output });
      throw error;
    }
  } finally {
    await sealed.release();
  }
}

function phase(options: OperationOptions, name: PublishPhase, detail?: string): void {
  options.onProgress?.({ kind: "phase", phase: name, ...(detail !== undefined && { detail }) });
}
