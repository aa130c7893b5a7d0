import { throwIfInterrupted } from "../errors/interrupted.ts";
import { isDatabaseOnly } from "../model/artifact.ts";
import type { RecordedDataset } from "../model/dataset.ts";
import type { Rel } from "../model/plan.ts";
import type { ReleaseRecord } from "../model/release-record.ts";
import type { Watermark } from "../model/watermark.ts";
import { openFilesStay } from "../platform/files.ts";
import type { HeldLock } from "../platform/lock.ts";
import { assertBaseUnmoved, type BuildBase } from "./build/base.ts";
import type { Checked } from "./checks/run-checks.ts";
import type { InstallTarget } from "./layout/layout.ts";
import { makeManifestDurable } from "./manifest-file.ts";
import { datasetsBefore } from "./datasets.ts";
import { writePin } from "./records.ts";
import { applyPrune, emptyTrash, planPrune } from "./retention.ts";
import type { SealedBuild } from "./build/seal.ts";
import { layoutOf, nextReleaseId, readPublishableState } from "./state.ts";
import type { OperationOptions, PublishOptions, ReleaseStore } from "./store.ts";
import { commitSwitch } from "./switch.ts";
import { warn } from "./warn.ts";
import { installWaitMs, underWriterLock } from "./writer-lock.ts";

/** A build that has passed everything. */
export interface CheckedBuild {
  /** The build's random id. */
  readonly id: string;
  readonly sealed: SealedBuild;
  readonly checked: Checked;
  readonly builder: ReleaseRecord["builder"];
  /** How far the data reaches, where the build said so. */
  readonly watermarks?: readonly Watermark[] | undefined;
  readonly parent: BuildBase | undefined;
  /** Of the build or its folder, held: a later one that came in over a deleted lock file is not overwritten. */
  readonly lock: Pick<HeldLock, "verify">;
}

/** A release that is out. */
export interface Installed {
  readonly release: string;
  readonly version: number;
  readonly previous?: Rel;
  /** From asking for the writer lock to its end. */
  readonly switchMs: number;
}

/**
 * Install → switch → history → prune, under the writer lock. Id, version and target are chosen only now: a rollback may have happened during the
 * build. Record and pin are durable before the data moves; the data before the switch.
 */
export async function installAndSwitch(store: ReleaseStore, build: CheckedBuild, options: PublishOptions): Promise<Installed> {
  const started = store.platform.clock.monotonicMs();
  options.onProgress?.({ kind: "phase", phase: "install" });
  const request = { ...options, purpose: "publish", waitMs: Math.max(options.waitMs ?? 0, installWaitMs) };
  const installed = await underWriterLock(store, request, (lock) => installUnderLock(store, build, { lock, options }));
  await emptyTrash(store).catch((error: unknown) => warn(options, `${store.paths.trash} could not be emptied`, error));
  return { ...installed, switchMs: Math.round(store.platform.clock.monotonicMs() - started) };
}

async function installUnderLock(
  store: ReleaseStore,
  build: CheckedBuild,
  { lock, options }: { readonly lock: HeldLock; readonly options: PublishOptions },
): Promise<Omit<Installed, "switchMs">> {
  await makeManifestDurable(store);
  const state = await readPublishableState(store);
  assertBaseUnmoved(store, build.parent, state.current);
  const release = await nextReleaseId(store, state);
  const layout = layoutOf(store);
  const target = await layout.target(store, state.current, release);
  const letWritersIn = await layout.clear(store, target);
  try {
    const datasets = build.sealed.dbt?.datasets ?? datasetsBefore(store, state);
    const record = await layout.record(store, build.sealed, recordFor(store, build, { release, target, datasets }));
    await writePin(store, release);
    await store.platform.failpoint("install.recorded");
    await lock.verify();
    await build.lock.verify();
    // The last moment to turn back: from here on the inactive slot, which may be what a rollback goes to, is given up.
    throwIfInterrupted(options.signal, "the publish");
    if (openFilesStay(store.platform)) await letWritersIn();
    await layout.install(store, build.sealed, target);
    options.onProgress?.({ kind: "phase", phase: "switch", detail: release });
    const wanted = {
      target,
      release,
      record,
      reason: options.reason ?? "publish",
      note: options.note,
      keepPrevious: true,
    } as const;
    const { version, previous } = await commitSwitch(store, { lock, state, options }, wanted);
    await prune(store, options);
    return { release, version, ...(previous && { previous }) };
  } finally {
    await letWritersIn();
  }
}

function recordFor(
  store: ReleaseStore,
  build: CheckedBuild,
  {
    release,
    target,
    datasets,
  }: { readonly release: string; readonly target: InstallTarget; readonly datasets: readonly RecordedDataset[] | undefined },
): Omit<ReleaseRecord, "formatVersion"> {
  return {
    release,
    uid: store.platform.random(16),
    store: store.name,
    layout: store.layout,
    basename: target.basename,
    ...(build.parent && { parent: build.parent.release }),
    ...(build.parent?.copied !== undefined && { base: { release: build.parent.release, version: build.parent.version } }),
    build: build.id,
    createdAt: store.platform.clock.now().toISOString(),
    builder: build.builder,
    storageVersion: build.checked.storageVersion,
    ...(!isDatabaseOnly(store.artifacts) && { artifacts: [...store.artifacts] }),
    files: build.sealed.files.map(({ name, bytes, sha256 }) => ({
      path: layoutOf(store).reference(target, name),
      bytes,
      sha256,
    })),
    tables: [...build.checked.tables],
    checks: build.checked.checks,
    ...(datasets && datasets.length > 0 && { datasets: [...datasets] }),
    ...provenanceOf(store, build.sealed, target),
    ...(build.watermarks && build.watermarks.length > 0 && { watermarks: [...build.watermarks] }),
  };
}

/** A slot is one file: what dbt says of it is in the record alone. */
function provenanceOf(store: ReleaseStore, { dbt }: SealedBuild, target: InstallTarget): Pick<ReleaseRecord, "provenance"> {
  if (store.layout === "slots" || dbt === undefined) return {};
  const layout = layoutOf(store);
  return { provenance: dbt.files.map(({ name, bytes, sha256 }) => ({ path: layout.reference(target, name), bytes, sha256 })) };
}

/** Pruning never fails a publish that is out. */
async function prune(store: ReleaseStore, options: OperationOptions): Promise<void> {
  try {
    await applyPrune(store, await planPrune(store));
  } catch (error) {
    warn(options, "what is no longer needed could not be removed", error);
  }
}
