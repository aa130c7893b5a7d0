import { throwIfInterrupted } from "../errors/interrupted.ts";
import { LockkeeperError, isLockkeeperError } from "../errors/lockkeeper-error.ts";
import { isSlot, otherSlot, type Slot } from "../model/layout.ts";
import type { OwnManifest } from "../model/manifest.ts";
import type { SwitchPlan } from "../model/plan.ts";
import type { SwitchResult } from "../model/results.ts";
import { differenceFromRecord } from "./artifacts/whole.ts";
import { basenameOf } from "./basename.ts";
import { runChecks } from "./checks/run-checks.ts";
import { datasetsOfNewest } from "./datasets.ts";
import type { InstallTarget } from "./layout/layout.ts";
import { makeManifestDurable } from "./manifest-file.ts";
import { prepareFolders } from "./open.ts";
import { fileReference, readRecord, writePin, writeRecord } from "./records.ts";
import { planned } from "./rollback.ts";
import { lockAgainstWriters } from "./build/seal.ts";
import { currentRel, layoutOf, nextReleaseId, nextVersion, readState, type StoreState } from "./state.ts";
import type { OperationOptions, ReleaseStore } from "./store.ts";
import { commitSwitch } from "./switch.ts";
import { namingErrors } from "./system-errors.ts";
import { underWriterLock } from "./writer-lock.ts";

/** What to adopt. */
export interface AdoptOptions extends OperationOptions {
  /** Which slot becomes active where there is no manifest; with one it must be the active slot. */
  readonly slot?: Slot | undefined;
  /** The same for a release folder of layout `releases`, by its id. */
  readonly release?: string | undefined;
  /** In the operator's words; kept in manifest and history. */
  readonly reason?: string | undefined;
}

/**
 * Takes a store that another program switched, or whose manifest was deleted, under care: the same data stays active, with a record, a pin and a manifest
 * of ours, under the next version. Throws `NOT_FOREIGN`, `NO_RELEASE`, `SLOT_BUSY`, `MANIFEST_MOVED`, `DATABASE_CORRUPT`.
 */
export async function adopt(store: ReleaseStore, options: AdoptOptions = {}): Promise<SwitchResult> {
  return namingErrors(store, () => takeUnderCare(store, options));
}

async function takeUnderCare(store: ReleaseStore, options: AdoptOptions): Promise<SwitchResult> {
  const seen = await readState(store);
  const wanted = await targetOf(store, seen, options);
  if (options.dryRun) {
    const release = isSlot(wanted.active) ? await nextReleaseId(store, seen) : wanted.active;
    return planned(store, planAdoption(store, seen, { target: wanted, release }));
  }
  await prepareFolders(store);
  return underWriterLock(store, { ...options, purpose: "adopt" }, async (lock) => {
    await makeManifestDurable(store);
    const state = await readState(store);
    const target = await targetOf(store, state, options);
    const held = await holdSlots(store, target);
    try {
      const { release, record } = isSlot(target.active)
        ? await recordSlot(store, { target, release: await nextReleaseId(store, state), signal: options.signal })
        : await recordedFolder(store, target, options.signal);
      await writePin(store, release);
      await store.platform.failpoint("adopt.recorded");
      throwIfInterrupted(options.signal, "the adoption");
      const change = { target, release, record, reason: "adopt", note: options.reason, keepPrevious: false } as const;
      const { version, previous } = await commitSwitch(store, { lock, state, options }, change);
      return { store: store.name, outcome: "switched", release, version, ...(previous && { previous }), reason: "adopt" };
    } finally {
      for (const letWritersIn of held) await letWritersIn();
    }
  });
}

function planAdoption(
  store: ReleaseStore,
  state: StoreState,
  to: { readonly target: InstallTarget; readonly release: string },
): SwitchPlan {
  const { target, release } = to;
  const from = currentRel(state.current);
  const inSlot: SwitchPlan["steps"] = [
    { action: "check", subject: target.path, reason: "opens as a reader opens it; no writer is inside either slot" },
    {
      action: "record",
      subject: store.paths.record(release, "slots"),
      reason: "sha256, tables and storage version of what lies there",
    },
  ];
  const inFolder: SwitchPlan["steps"] = [
    { action: "check", subject: target.path, reason: `its sha256 is that of ${release}'s record` },
  ];
  return {
    store: store.name,
    ...(from && { from }),
    to: { release, version: nextVersion(state) },
    active: target.active,
    reason: "adopt",
    steps: [
      ...(isSlot(target.active) ? inSlot : inFolder),
      { action: "switch", subject: store.paths.manifest, reason: `the same data, as ${release}` },
    ],
  };
}

async function targetOf(store: ReleaseStore, state: StoreState, options: AdoptOptions): Promise<InstallTarget> {
  const { current } = state;
  const asked = options.slot ?? options.release;
  if (current?.manifest.own) {
    throw new LockkeeperError("NOT_FOREIGN", `${store.name} is already under care, at ${current.manifest.own.release}`, {
      hint: "There is nothing to adopt.",
      subject: store.name,
    });
  }
  const active = current?.manifest.active ?? asked;
  if (active === undefined) {
    throw new LockkeeperError("NO_RELEASE", `${store.paths.manifest} does not exist, so it does not say what is active`, {
      hint: `Say it: lockkeeper adopt ${store.name} ${layoutOf(store).adoptWords}`,
      subject: store.paths.manifest,
    });
  }
  if (asked !== undefined && asked !== active) {
    throw new LockkeeperError("USAGE", `the manifest says that ${active} is active, not ${asked}`, { subject: asked });
  }
  const basename = await basenameOf(store, current);
  const path = layoutOf(store).dataFile(store, active, basename);
  const kind = (await store.platform.files.stat(path))?.kind;
  if (kind === "file") return { active, basename, path };
  // A release folder may hold no DuckDB file.
  if (!isSlot(active) && readRecord(store, active)) return { active, basename, path: store.paths.release(active) };
  throw new LockkeeperError("NO_RELEASE", `${path} does not exist`, {
    hint: "Check `dir` and `basename` of the store.",
    subject: path,
  });
}

/** Shared locks on both slots, both made durable: a program that is building the inactive one would otherwise switch to it behind our back. */
async function holdSlots(store: ReleaseStore, target: InstallTarget): Promise<(() => Promise<void>)[]> {
  const held: (() => Promise<void>)[] = [];
  try {
    const { active } = target;
    for (const each of isSlot(active) ? [active, otherSlot(active)] : [active]) {
      const path = layoutOf(store).dataFile(store, each, target.basename);
      if ((await store.platform.files.stat(path)) === undefined) continue;
      const { file, release } = await lockAgainstWriters(store, path);
      held.push(release);
      // The program that wrote it may not have.
      await file.sync();
    }
    return held;
  } catch (error) {
    for (const letWritersIn of held) await letWritersIn();
    if (!isLockkeeperError(error, "BUILD_UNFINISHED")) throw error;
    throw new LockkeeperError("SLOT_BUSY", `another program writes to ${error.subject ?? target.path}`, {
      hint: "Let it finish, or stop it, then adopt.",
      subject: error.subject ?? target.path,
    });
  }
}

async function recordSlot(
  store: ReleaseStore,
  {
    target,
    release,
    signal,
  }: { readonly target: InstallTarget; readonly release: string; readonly signal: AbortSignal | undefined },
) {
  const { files, clock } = store.platform;
  if ((await files.stat(`${target.path}.wal`)) !== undefined) {
    throw new LockkeeperError("BUILD_UNFINISHED", `${target.path} has a write-ahead log beside it`, {
      hint: "Open it once with DuckDB, run CHECKPOINT, close it, then adopt.",
      subject: `${target.path}.wal`,
    });
  }
  const started = clock.monotonicMs();
  const [digest] = await store.engine.digest([target.path], signal);
  if (!digest) throw new LockkeeperError("BUG", `no digest of ${target.path}`);
  const checked = await runChecks(store, {
    path: target.path,
    basename: target.basename,
    baseline: async () => ({ missing: "an adopted release has none before it to compare with" }),
    signal,
  });
  const opens = checked.checks.find((check) => check.check === "opens");
  if (opens?.status === "fail") throw new LockkeeperError("DATABASE_CORRUPT", opens.message, { subject: target.path });
  const datasets = await datasetsOfNewest(store);
  const record = await writeRecord(store, {
    release,
    uid: store.platform.random(16),
    store: store.name,
    layout: "slots",
    basename: target.basename,
    createdAt: clock.now().toISOString(),
    builder: { kind: "adopted", durationMs: Math.round(clock.monotonicMs() - started) },
    storageVersion: checked.storageVersion,
    files: [fileReference(store, target.path, digest)],
    tables: [...checked.tables],
    checks: checked.checks,
    ...(datasets && datasets.length > 0 && { datasets: [...datasets] }),
  });
  return { release, record };
}

/** A release folder that another program has made active again is ours already, if it has its record and its bytes. */
async function recordedFolder(
  store: ReleaseStore,
  target: InstallTarget,
  signal: AbortSignal | undefined,
): Promise<{ readonly release: string; readonly record: OwnManifest["record"] }> {
  const release = target.active;
  const stored = readRecord(store, release);
  if (stored && (await differenceFromRecord(store, stored.record, signal)) === undefined) {
    // A publish that was killed may have moved it there a moment ago, in the cache only.
    await store.platform.files.syncFolder(store.paths.releases);
    return { release, record: { path: stored.reference, sha256: stored.sha256 } };
  }
  throw new LockkeeperError("RELEASE_UNKNOWN", `${target.path} is not a release that ${store.name} has published`, {
    hint: `Publish it: a build that copies the file, \`lockkeeper publish ${store.name} -- COMMAND\`.`,
    subject: release,
  });
}
