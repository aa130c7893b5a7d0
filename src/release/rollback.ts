import { dirname } from "node:path";
import { throwIfInterrupted } from "../errors/interrupted.ts";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { SwitchPlan } from "../model/plan.ts";
import type { SwitchResult } from "../model/results.ts";
import type { RollbackRequest, RollbackTarget } from "./layout/layout.ts";
import { makeManifestDurable } from "./manifest-file.ts";
import { prepareFolders } from "./open.ts";
import { writePin } from "./records.ts";
import { assertExists, currentRel, layoutOf, nextVersion, readState, type StoreState } from "./state.ts";
import type { OperationOptions, ReleaseStore } from "./store.ts";
import { commitSwitch } from "./switch.ts";
import { namingErrors } from "./system-errors.ts";
import { underWriterLock } from "./writer-lock.ts";

/** Where to go back to, and why. */
export interface RollbackOptions extends OperationOptions, RollbackRequest {
  /** In the operator's words; kept in manifest and history. */
  readonly reason?: string | undefined;
  /** Goes back only from this version, as whoever decided on it saw it: `VERSION_CHANGED` where another one is active by now. */
  readonly fromVersion?: number | undefined;
}

/**
 * Makes an older release active, byte for byte the one that once passed its checks, under a new version. Works at once while a build runs.
 * Throws `RELEASE_UNKNOWN`, `NO_RELEASE`, `FOREIGN_MANIFEST`, `MANIFEST_GONE`, `VERSION_CHANGED`, `WRITER_LOCKED`, `SLOT_BUSY`.
 */
export async function rollback(store: ReleaseStore, options: RollbackOptions = {}): Promise<SwitchResult> {
  return namingErrors(store, () => goBack(store, options));
}

async function goBack(store: ReleaseStore, options: RollbackOptions): Promise<SwitchResult> {
  if (options.dryRun) {
    const state = await readState(store);
    return withTarget(store, { state, request: options }, async (target) => planned(store, planRollback(store, state, target)));
  }
  assertExists(store, await readState(store));
  await prepareFolders(store);
  return underWriterLock(store, { ...options, purpose: "rollback" }, async (lock) => {
    await makeManifestDurable(store);
    const state = await readState(store);
    return withTarget(store, { state, request: options }, async (target) => {
      await store.platform.failpoint("rollback.verified");
      throwIfInterrupted(options.signal, "the rollback");
      await makeKeptDurable(store, target);
      const { reference, sha256 } = target.stored;
      const { release } = target.stored.record;
      const record = { path: reference, sha256 };
      const wanted = { target, release, record, reason: "rollback", note: options.reason, keepPrevious: true } as const;
      const { version, previous } = await commitSwitch(store, { lock, state, options }, wanted);
      return { store: store.name, outcome: "switched", release, version, ...(previous && { previous }), reason: "rollback" };
    });
  });
}

/**
 * A publish that was killed may have moved the data there a moment ago, in the cache only; and of a release whose pruning was undone by a power cut the pin may
 * be gone.
 */
async function makeKeptDurable(store: ReleaseStore, { path, stored }: RollbackTarget): Promise<void> {
  // A release folder moves as a whole, and what it holds was durable before.
  await store.platform.files.syncFolder(stored.record.layout === "releases" ? store.paths.releases : dirname(path));
  await writePin(store, stored.record.release);
}

async function withTarget(
  store: ReleaseStore,
  from: { readonly state: StoreState; readonly request: RollbackOptions },
  use: (target: RollbackTarget) => Promise<SwitchResult>,
): Promise<SwitchResult> {
  const { state, request } = from;
  const current = assertExists(store, state);
  assertVersion(store, state, request.fromVersion);
  const { target, release } = await layoutOf(store).rollbackTarget(store, current, request);
  try {
    return await use(target);
  } finally {
    await release();
  }
}

function assertVersion(store: ReleaseStore, state: StoreState, wanted: number | undefined): void {
  const active = currentRel(state.current);
  if (wanted === undefined || active?.version === wanted) return;
  throw new LockkeeperError("VERSION_CHANGED", `version ${active?.version} is active in ${store.name}, not version ${wanted}`, {
    hint: "Look at what is active now, and decide again.",
    subject: store.name,
  });
}

function planRollback(store: ReleaseStore, state: StoreState, target: RollbackTarget): SwitchPlan {
  const to = { release: target.stored.record.release, version: nextVersion(state) };
  const from = currentRel(state.current);
  return {
    store: store.name,
    ...(from && { from }),
    to,
    active: target.active,
    reason: "rollback",
    steps: [
      { action: "check", subject: target.path, reason: `its sha256 is that of ${to.release}'s record` },
      { action: "switch", subject: store.paths.manifest, reason: `to ${to.release}, as version ${to.version}` },
    ],
  };
}

/** What a dry run resolves with. */
export function planned(store: ReleaseStore, plan: SwitchPlan): SwitchResult {
  const { to, from, reason } = plan;
  return {
    store: store.name,
    outcome: "planned",
    release: to.release,
    version: to.version,
    ...(from && { previous: from }),
    reason,
    plan,
  };
}
