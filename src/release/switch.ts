import { layoutOfActive } from "../model/layout.ts";
import type { OwnManifest, SwitchReason } from "../model/manifest.ts";
import type { Rel } from "../model/plan.ts";
import type { HeldLock } from "../platform/lock.ts";
import { appendHistory, relOf } from "./history.ts";
import type { InstallTarget } from "./layout/layout.ts";
import { assertManifestUnmoved, writeManifest } from "./manifest-file.ts";
import { currentRel, nextVersion, type StoreState } from "./state.ts";
import type { OperationOptions, ReleaseStore } from "./store.ts";
import { warn } from "./warn.ts";

/** What is to become active, and why. */
export interface Switch {
  readonly target: InstallTarget;
  readonly release: string;
  readonly record: OwnManifest["record"];
  readonly reason: Exclude<SwitchReason, "foreign">;
  /** In the operator's words. */
  readonly note?: string | undefined;
  /** False for an adoption: what a foreign program left cannot be gone back to. */
  readonly keepPrevious: boolean;
}

/** Under which lock, on what state, for whom. */
export interface SwitchMoment {
  readonly lock: HeldLock;
  readonly state: StoreState;
  readonly options: OperationOptions;
}

/** A switch that happened. */
export interface Switched {
  readonly version: number;
  readonly previous: Rel | undefined;
}

/**
 * Makes a release active: lock file and manifest identity are compared once more, the manifest is replaced and read back, the history gets its
 * line. Before the rename nothing changed for any reader; after it the release is out, and a history that cannot be written is only told.
 */
export async function commitSwitch(store: ReleaseStore, moment: SwitchMoment, wanted: Switch): Promise<Switched> {
  const { lock, state, options } = moment;
  const { current } = state;
  const manifest = newManifest(store, state, wanted);
  if (current?.manifest.own) await appendHistory(store, current.manifest.own, []);
  await lock.verify();
  await assertManifestUnmoved(store, current);
  await writeManifest(store, manifest);
  const previous = currentRel(current);
  const { release, version, reason, commit, note } = manifest;
  const event = {
    type: "release.switched" as const,
    release,
    version,
    reason,
    commit,
    ...relOf(manifest.previous),
    ...(note && { note }),
  };
  try {
    await appendHistory(store, undefined, [event]);
  } catch (error) {
    warn(options, `${release} is active; its history line will be added by the next switch`, error);
  }
  return { version, previous };
}

function newManifest(store: ReleaseStore, state: StoreState, wanted: Switch): Omit<OwnManifest, "formatVersion" | "digest"> {
  const own = state.current?.manifest.own;
  const previous = own && wanted.keepPrevious && { active: own.active, version: own.version, release: own.release };
  return {
    active: wanted.target.active,
    version: nextVersion(state),
    lastUpdated: store.platform.clock.now().toISOString(),
    store: store.name,
    layout: layoutOfActive(wanted.target.active),
    basename: wanted.target.basename,
    release: wanted.release,
    commit: store.platform.random(16),
    record: wanted.record,
    ...(previous && { previous }),
    reason: wanted.reason,
    ...(wanted.note && { note: wanted.note }),
  };
}
