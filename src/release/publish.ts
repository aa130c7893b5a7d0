import { isLockkeeperError, type LockkeeperError } from "../errors/lockkeeper-error.ts";
import { throwIfInterrupted } from "../errors/interrupted.ts";
import { refuses } from "../model/check.ts";
import type { SwitchReason } from "../model/manifest.ts";
import type { Rel } from "../model/plan.ts";
import type { ReleaseRecord } from "../model/release-record.ts";
import type { PublishResult } from "../model/results.ts";
import type { HeldLock } from "../platform/lock.ts";
import { basenameOf } from "./basename.ts";
import { makeBuildFolder, sweepBuilds, type BuildFolder } from "./build-folder.ts";
import { runChecks, type Checked } from "./checks/run-checks.ts";
import { appendHistory, type NewEvent } from "./history.ts";
import type { InstallTarget } from "./layout/layout.ts";
import { makeManifestDurable } from "./manifest-file.ts";
import { prepareFolders } from "./open.ts";
import { assertSpace, baseOf, planPublish } from "./plan-publish.ts";
import { quarantine, type QuarantineReport } from "./quarantine.ts";
import { fileReference, writePin, writeRecord } from "./records.ts";
import { applyPrune, emptyTrash, planPrune } from "./retention.ts";
import { BuildFailure, runBuild, type BuildOutcome } from "./run-build.ts";
import { seal, type SealedBuild } from "./seal.ts";
import { layoutOf, nextReleaseId, readPublishableState } from "./state.ts";
import type { BuildSource, OperationOptions, PublishPhase, ReleaseStore } from "./store.ts";
import { commitSwitch } from "./switch.ts";
import { takeBuildLock, underWriterLock } from "./writer-lock.ts";

/** A finished build does not fail because a rollback holds the writer lock for a moment: it waits at least this long. */
const installWaitMs = 60_000;

/** What kind of switch a publish is recorded as. */
export interface PublishOptions extends OperationOptions {
  readonly reason?: Exclude<SwitchReason, "foreign" | "rollback"> | undefined;
  readonly note?: string | undefined;
}

/**
 * Builds a release in a private folder, seals and checks it, and switches readers to it. A build that fails throws (`BUILD_FAILED`, …) and one that a
 * check refuses resolves with outcome `refused`; in both cases nothing changed for any reader. Throws `BUILD_LOCKED`, `WRITER_LOCKED`,
 * `FOREIGN_MANIFEST`, `MANIFEST_GONE`, `SLOT_BUSY`, `DISK_FULL`, `INTERRUPTED`.
 */
export async function publish(store: ReleaseStore, source: BuildSource, options: PublishOptions = {}): Promise<PublishResult> {
  if (options.dryRun) {
    const plan = await planPublish(store, source, await readPublishableState(store));
    return { store: store.name, outcome: "planned", checks: [], tables: [], plan };
  }
  await prepareFolders(store);
  const lock = await takeBuildLock(store, options);
  try {
    return await publishUnderBuildLock(store, source, options, lock);
  } finally {
    await lock.release();
  }
}

async function publishUnderBuildLock(
  store: ReleaseStore,
  source: BuildSource,
  options: PublishOptions,
  lock: HeldLock,
): Promise<PublishResult> {
  phase(options, "begin");
  if (lock.lastHolderDied)
    options.onProgress?.({ kind: "cleaned", detail: `the last publisher, process ${lock.lastHolderDied.pid}, died` });
  for (const id of await sweepBuilds(store))
    options.onProgress?.({ kind: "cleaned", detail: `removed build ${id}, which nobody finished` });
  const state = await readPublishableState(store);
  assertSpace(store, await planPublish(store, source, state));
  const base = await baseOf(store, state);
  const basename = await basenameOf(store, state.current);
  const folder = await makeBuildFolder(store, basename);
  try {
    throwIfInterrupted(options.signal, "the build");
    await store.platform.failpoint("build.begun");
    phase(options, "build", folder.path);
    const outcome = await runBuild(store, source, { folder, base, lock, options });
    return await finishBuild(store, folder, { outcome, basename, parent: base, options });
  } catch (error) {
    throw await buildFailed(store, folder, error, options);
  } finally {
    await folder.discard();
  }
}

interface FinishedBuild {
  readonly outcome: BuildOutcome;
  readonly basename: string;
  readonly parent: Rel | undefined;
  readonly options: PublishOptions;
}

async function finishBuild(store: ReleaseStore, folder: BuildFolder, build: FinishedBuild): Promise<PublishResult> {
  const { options, outcome, basename } = build;
  phase(options, "seal");
  const sealed = await seal(store, folder.path, options.signal);
  try {
    throwIfInterrupted(options.signal, "the build");
    phase(options, "check");
    const checked = await runChecks(store, folder.path, basename);
    throwIfInterrupted(options.signal, "the build");
    const counts = checked.tables.map(({ schema, name, rows }) => ({ schema, name, ...(rows !== undefined && { rows }) }));
    if (refuses(checked.checks)) {
      await sealed.release();
      const report = { outcome: "refused", checks: checked.checks, output: outcome.output } as const;
      const kept = await keepBuild(store, folder, report, options);
      return {
        store: store.name,
        outcome: "refused",
        build: folder.id,
        checks: checked.checks,
        tables: counts,
        quarantine: kept,
      };
    }
    const installed = await installAndSwitch(store, sealed, checked, build).catch(async (error: unknown) => {
      await sealed.release();
      await keepUnswitched(store, folder, { error, checked, outcome });
      throw error;
    });
    phase(options, "done");
    return { store: store.name, outcome: "switched", build: folder.id, checks: checked.checks, tables: counts, ...installed };
  } finally {
    await sealed.release();
  }
}

/** Install → switch → history → prune, under the writer lock. The target is chosen only now: a rollback may have happened during the build. */
async function installAndSwitch(store: ReleaseStore, sealed: SealedBuild, checked: Checked, build: FinishedBuild) {
  const { options, outcome, parent } = build;
  const waitMs = Math.max(options.waitMs ?? 0, installWaitMs);
  phase(options, "install");
  const started = store.platform.clock.monotonicMs();
  const result = await underWriterLock(store, "publish", { ...options, waitMs }, async (lock) => {
    await makeManifestDurable(store);
    const state = await readPublishableState(store);
    const release = await nextReleaseId(store, state);
    const layout = layoutOf(store);
    const target = await layout.target(store, state.current, release);
    const letWritersIn = await layout.clear(store, target);
    try {
      const record = await writeRecord(store, recordFor(store, { release, sealed, checked, outcome, parent, target }));
      await writePin(store, release);
      await store.platform.failpoint("install.recorded");
      await lock.verify();
      await layout.install(store, sealed, target);
      phase(options, "switch", release);
      const wanted = {
        target,
        release,
        record,
        reason: options.reason ?? "publish",
        note: options.note,
        keepPrevious: true,
      } as const;
      const { version, previous } = await commitSwitch(store, lock, state, wanted, options);
      await prune(store, options);
      return { release, version, ...(previous && { previous }) };
    } finally {
      await letWritersIn();
    }
  });
  await emptyTrash(store);
  return { ...result, switchMs: Math.round(store.platform.clock.monotonicMs() - started) };
}

interface RecordSource {
  readonly release: string;
  readonly sealed: SealedBuild;
  readonly checked: Checked;
  readonly outcome: BuildOutcome;
  readonly parent: Rel | undefined;
  readonly target: InstallTarget;
}

function recordFor(store: ReleaseStore, from: RecordSource): Omit<ReleaseRecord, "formatVersion"> {
  return {
    release: from.release,
    uid: store.platform.random(16),
    store: store.name,
    layout: store.layout,
    basename: from.target.basename,
    ...(from.parent && { parent: from.parent.release }),
    createdAt: store.platform.clock.now().toISOString(),
    builder: from.outcome.builder,
    storageVersion: from.checked.storageVersion,
    files: [fileReference(store, from.target.path, from.sealed.digest)],
    tables: [...from.checked.tables],
    checks: from.checked.checks,
  };
}

/** Pruning never fails a publish that is out. */
async function prune(store: ReleaseStore, options: OperationOptions): Promise<void> {
  try {
    await applyPrune(store, await planPrune(store));
  } catch (error) {
    options.onProgress?.({ kind: "warning", detail: `what is no longer needed could not be removed: ${String(error)}` });
  }
}

/** Reports a failed build: its output stays, the history gets a line. Returns the error to throw. */
async function buildFailed(
  store: ReleaseStore,
  folder: BuildFolder,
  error: unknown,
  options: OperationOptions,
): Promise<unknown> {
  const failure = error instanceof BuildFailure ? error.error : error;
  if (!isLockkeeperError(failure) || isLockkeeperError(failure, "INTERRUPTED")) return failure;
  const output = error instanceof BuildFailure ? error.output : Buffer.alloc(0);
  if ((await store.platform.files.stat(folder.folder)) !== undefined) {
    await keepBuild(store, folder, { outcome: "failed", checks: [], error: failure, output }, options);
  }
  return failure;
}

async function keepBuild(
  store: ReleaseStore,
  folder: BuildFolder,
  report: QuarantineReport,
  options: OperationOptions,
): Promise<string> {
  const kept = await quarantine(store, folder, report);
  const refused = report.outcome === "refused";
  const failed = report.checks.filter((check) => check.status === "fail");
  const detail = refused ? failed.map((check) => check.message).join("; ") : (report.error?.message ?? "");
  const event: NewEvent = { type: refused ? "release.refused" : "build.failed", build: folder.id, detail: detail.slice(0, 2000) };
  try {
    await underWriterLock(store, "report", { waitMs: installWaitMs }, () => appendHistory(store, undefined, [event]));
    await emptyTrash(store);
  } catch (error) {
    options.onProgress?.({ kind: "warning", detail: `the history has no line of build ${folder.id}: ${String(error)}` });
  }
  return kept;
}

/** A whole, checked build that could not be switched to is not lost: it waits in quarantine, unless the install has already moved it. */
async function keepUnswitched(
  store: ReleaseStore,
  folder: BuildFolder,
  from: { readonly error: unknown; readonly checked: Checked; readonly outcome: BuildOutcome },
): Promise<void> {
  if (isLockkeeperError(from.error, "INTERRUPTED") || (await store.platform.files.stat(folder.path)) === undefined) return;
  const error = isLockkeeperError(from.error) ? (from.error as LockkeeperError) : undefined;
  await quarantine(store, folder, { outcome: "not-switched", checks: from.checked.checks, error, output: from.outcome.output });
}

function phase(options: OperationOptions, name: PublishPhase, detail?: string): void {
  options.onProgress?.({ kind: "phase", phase: name, ...(detail !== undefined && { detail }) });
}
