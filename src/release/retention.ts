import { basename, join } from "node:path";
import type { PlanStep } from "../model/plan.ts";
import type { PruneResult } from "../model/results.ts";
import { isTemporary, removeTree, renameFile } from "../platform/files.ts";
import { lookAtManifest } from "./manifest-file.ts";
import { listQuarantine } from "./build/quarantine.ts";
import type { Retained } from "./layout/layout.ts";
import { layoutOf } from "./state.ts";
import type { ReleaseStore } from "./store.ts";

/** What a prune finds. */
export interface PrunePlan {
  /** Every release on disk, oldest first. */
  readonly releases: readonly Retained[];
  /** Absolute paths of anything else that goes, with a reason each. */
  readonly others: readonly PlanStep[];
}

/**
 * What is kept and what is no longer needed, with a reason each: releases by the rules of the layout, refused builds beyond `quarantineKeep`, pins of releases that are gone,
 * temporary files of a crash. Called under the writer lock, or to show what would be done.
 */
export async function planPrune(store: ReleaseStore): Promise<PrunePlan> {
  const { files } = store.platform;
  const own = (await lookAtManifest(store))?.manifest.own;
  if (!own) return { releases: [], others: [] };
  const releases = await layoutOf(store).retain(store, own);
  const others: PlanStep[] = [];
  const remove = (subject: string, reason: string) => others.push({ action: "remove", subject, reason });
  const known = new Set(releases.flatMap(({ release }) => [store.paths.pin(release), store.paths.mark(release)]));
  for (const path of (await files.list(store.paths.pins)).map((name) => join(store.paths.pins, name))) {
    if (/\.(pin|json)$/.test(path) && !known.has(path)) remove(path, "its release is gone");
  }
  const refused = await planQuarantine(store);
  others.push(...refused);
  const quarantined = (await files.list(store.paths.quarantine)).map((name) => join(store.paths.quarantine, name));
  const kept = quarantined.filter((folder) => !refused.some(({ subject }) => subject === folder));
  for (const folder of [store.paths.folder, store.paths.records, store.paths.pins, ...kept]) {
    for (const name of await files.list(folder)) {
      if (isTemporary(name)) remove(join(folder, name), "left by a crash in mid-replacement");
    }
  }
  for (const path of await forgottenProbes(store)) remove(path, "left by a doctor that was killed");
  return { releases, others };
}

/** Files that `doctor` made to try the file system, and did not live to remove. It holds no lock and is done in seconds: only their age tells them from one that is at work. */
async function forgottenProbes({ platform, paths }: ReleaseStore): Promise<string[]> {
  const found: string[] = [];
  for (const name of await platform.files.list(paths.own)) {
    if (!isTemporary(name)) continue;
    const stat = await platform.files.stat(join(paths.own, name));
    if (stat === undefined) continue;
    const ageMs = platform.clock.now().getTime() - Number(stat.modifiedNs / 1_000_000n);
    if (ageMs > probeAgeMs) found.push(join(paths.own, name));
  }
  return found;
}

const probeAgeMs = 3_600_000;

/** Refused and failed builds beyond `quarantineKeep`: also planned when none succeeds, for each may be as large as the store. */
export async function planQuarantine(store: ReleaseStore): Promise<PlanStep[]> {
  const reason = `beyond the newest ${store.quarantineKeep} kept in quarantine`;
  const superfluous = (await listQuarantine(store)).slice(store.quarantineKeep);
  return superfluous.map(({ folder }) => ({ action: "remove", subject: folder, reason }));
}

/** What a prune did. */
export type Pruned = Pick<PruneResult, "removed" | "kept">;

/**
 * Carries out a prune plan: everything goes to the trash first, under the writer lock. A release that a reader has open stays whole; one that goes
 * takes its pin along.
 */
export async function applyPrune(store: ReleaseStore, { releases, others }: PrunePlan): Promise<Pruned> {
  const removed: Pruned["removed"] = [];
  const kept: Pruned["kept"] = [];
  for (const retained of releases) {
    const { release, keep, reason, bytes } = retained;
    if (keep) kept.push({ release, reason });
    else if (await removeRelease(store, retained)) removed.push({ release, reason, bytes });
    else kept.push({ release, reason: "a reader has it open" });
  }
  for (const { subject } of others) {
    if (subject.endsWith(".pin")) await withFreePin(store, subject, async () => undefined);
    else await moveToTrash(store, subject);
  }
  await store.platform.failpoint("prune.done");
  return { removed, kept };
}

/** Deletes what was pruned; slow, so after the writer lock is free. Two processes may do it at once. */
export async function emptyTrash(store: ReleaseStore): Promise<void> {
  const { files } = store.platform;
  const { trash, releases, quarantine } = store.paths;
  const paths = (await files.list(trash)).map((name) => join(trash, name));
  const stats = await Promise.all(paths.map((path) => files.stat(path)));
  if (stats.some((stat) => stat?.kind === "folder")) {
    // Until its move is durable a power cut may bring a folder back, which must not have lost files meanwhile.
    for (const folder of [releases, quarantine]) {
      if ((await files.stat(folder)) !== undefined) await files.syncFolder(folder);
    }
  }
  for (const path of paths) await removeTree(store.platform, path);
}

async function removeRelease(store: ReleaseStore, { release, paths }: Retained): Promise<boolean> {
  const { files } = store.platform;
  return withFreePin(store, store.paths.pin(release), async () => {
    for (const [index, path] of paths.entries()) {
      // A slot whose record went first would be nobody's after a power cut.
      if (index > 0) await files.syncFolder(store.paths.folder);
      if ((await files.stat(path)) !== undefined) await moveToTrash(store, path);
    }
    if ((await files.stat(store.paths.mark(release))) !== undefined) await moveToTrash(store, store.paths.mark(release));
    await store.platform.failpoint("prune.moved");
  });
}

/** Does something while no reader holds the pin and none can take it, then removes the pin. False where a reader holds it. */
async function withFreePin(store: ReleaseStore, path: string, action: () => Promise<void>): Promise<boolean> {
  const { files, locks } = store.platform;
  if ((await files.stat(path)) === undefined) {
    await action();
    return true;
  }
  const file = await files.open(path, "update");
  try {
    if (!locks.tryLock(file, "exclusive")) return false;
    await action();
    await files.removeFile(path);
    return true;
  } finally {
    await file.close();
  }
}

/** Moves a file to the trash while no reader holds any of the pins. False, with nothing changed, where one does. */
export async function removeUnpinned(store: ReleaseStore, path: string, pins: readonly string[]): Promise<boolean> {
  const [pin, ...others] = pins;
  if (pin === undefined) {
    await moveToTrash(store, path);
    return true;
  }
  const file = await store.platform.files.open(pin, "update");
  try {
    return store.platform.locks.tryLock(file, "exclusive") && (await removeUnpinned(store, path, others));
  } finally {
    await file.close();
  }
}

async function moveToTrash(store: ReleaseStore, path: string): Promise<void> {
  await renameFile(store.platform, path, join(store.paths.trash, `${store.platform.random(6)}-${basename(path)}`));
}
