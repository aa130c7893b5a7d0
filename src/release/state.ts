import { isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { HistoryEvent } from "../model/history.ts";
import type { IdentifiedManifest, OwnManifest } from "../model/manifest.ts";
import { releaseOf } from "../model/manifest.ts";
import { releaseId, releaseNumber } from "../model/names.ts";
import type { Rel } from "../model/plan.ts";
import { historyHeights, readHistory } from "./history.ts";
import type { Layout } from "./layout/layout.ts";
import { releasesLayout } from "./layout/releases.ts";
import { slotsLayout } from "./layout/slots.ts";
import { lookAtManifest } from "./manifest-file.ts";
import { highestRecordedNumber } from "./records.ts";
import { namingErrors } from "./system-errors.ts";
import type { ReleaseStore } from "./store.ts";

/** What a store's folder says at one moment. */
export interface StoreState {
  readonly current: IdentifiedManifest | undefined;
  readonly events: readonly HistoryEvent[];
}

/** Reads manifest and history. */
export async function readState(store: ReleaseStore): Promise<StoreState> {
  return { current: await lookAtManifest(store), events: await readHistory(store) };
}

const layouts: Record<ReleaseStore["layout"], Layout> = { slots: slotsLayout, releases: releasesLayout };

/** The layout of a store. */
export function layoutOf(store: ReleaseStore): Layout {
  return layouts[store.layout];
}

/**
 * The state of a store that may be published to: under care, or empty. Throws `FOREIGN_MANIFEST`, `MANIFEST_GONE`, `SLOT_UNKNOWN`, each
 * naming `adopt`.
 */
export async function readPublishableState(store: ReleaseStore): Promise<StoreState> {
  const state = await readState(store);
  if (state.current) {
    assertOwn(store, state.current);
    return state;
  }
  if (hasSwitched(state)) throw manifestGone(store);
  await layoutOf(store).assertNothingUnknown(store);
  return state;
}

/** The manifest that we wrote. Throws `FOREIGN_MANIFEST` for another program's. */
export function assertOwn(store: ReleaseStore, current: IdentifiedManifest): OwnManifest {
  if (current.manifest.own) return current.manifest.own;
  throw new LockkeeperError("FOREIGN_MANIFEST", `the active manifest of ${store.name} was written or edited by another program`, {
    hint: `A store has one kind of writer. \`lockkeeper adopt ${store.name}\` takes it under care; until then that program goes on.`,
    subject: store.paths.manifest,
  });
}

/** Whether the history tells of a switch: a missing manifest then means that somebody rolled back by deleting it. */
export function hasSwitched(state: StoreState): boolean {
  return state.events.some((event) => event.type === "release.switched");
}

/** The manifest of ours that is there. Throws `NO_RELEASE`, `FOREIGN_MANIFEST`, `MANIFEST_GONE`. */
export function assertExists(store: ReleaseStore, state: StoreState): OwnManifest {
  if (state.current) return assertOwn(store, state.current);
  if (hasSwitched(state)) throw manifestGone(store);
  throw new LockkeeperError("NO_RELEASE", `${store.name} has no release: ${store.paths.manifest} does not exist`, {
    hint: `Publish one first: lockkeeper publish ${store.name} -- COMMAND`,
    subject: store.paths.manifest,
  });
}

/** The error for a manifest that was deleted. */
export function manifestGone(store: ReleaseStore): LockkeeperError {
  return new LockkeeperError("MANIFEST_GONE", `${store.paths.manifest} was deleted; readers are on their fallback`, {
    hint: `\`lockkeeper adopt ${store.name} ${layoutOf(store).adoptWords}\` makes that one active again.`,
    subject: store.paths.manifest,
  });
}

/** The error for data where an empty store is needed. */
export function storeNotEmpty(store: ReleaseStore): LockkeeperError {
  return new LockkeeperError("STORE_NOT_EMPTY", `${store.paths.folder} already holds data`, {
    hint: `Use \`lockkeeper publish ${store.name}\`, or \`adopt\` for what another program left there.`,
    subject: store.paths.folder,
  });
}

/** Release and version of a state's manifest. */
export function currentRel(current: IdentifiedManifest | undefined): Rel | undefined {
  return current && { release: releaseOf(current.manifest), version: current.manifest.version };
}

/** The next version: above the manifest's and every one in the history, never used again. Throws `MANIFEST_INVALID` where another program left no room. */
export function nextVersion(state: StoreState): number {
  const version = Math.max(state.current?.manifest.version ?? 0, historyHeights(state.events).version) + 1;
  if (Number.isSafeInteger(version)) return version;
  throw new LockkeeperError("MANIFEST_INVALID", `version ${version - 1} is the highest there is; no switch can follow it`, {
    hint: "Let the program that wrote this manifest begin again at a lower version.",
    subject: "version",
  });
}

/** The next release id: above all in records, pins, history and manifest, never used again. Chosen under the writer lock. */
export async function nextReleaseId(store: ReleaseStore, state: StoreState): Promise<string> {
  const manifest = releaseNumber(state.current?.manifest.own?.release ?? "") ?? 0;
  return releaseId(Math.max(await highestRecordedNumber(store), manifest, historyHeights(state.events).release) + 1);
}

/** The state where an unusable manifest is told in words instead of thrown; for `status`. */
export async function readStateOrProblem(
  store: ReleaseStore,
): Promise<{ readonly state: StoreState; readonly problem?: string }> {
  try {
    return { state: await namingErrors(store, () => readState(store)) };
  } catch (error) {
    if (!isLockkeeperError(error)) throw error;
    return { state: { current: undefined, events: await readHistory(store).catch(() => []) }, problem: error.message };
  }
}
