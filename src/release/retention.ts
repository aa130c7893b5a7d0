import { basename, join } from "node:path";
import type { PlanStep } from "../model/plan.ts";
import { removeTree, renameFile } from "../platform/files.ts";
import { lookAtManifest } from "./manifest-file.ts";
import { listQuarantine } from "./build/quarantine.ts";
import type { ReleaseStore } from "./store.ts";

/**
 * What is no longer needed, with a reason each: records and pins of releases that are neither active nor previous, refused builds beyond
 * `quarantineKeep`, temporary files of a crash. Data files of a slots store are never removed. Called under the writer lock.
 */
export async function planPrune(store: ReleaseStore): Promise<PlanStep[]> {
  const { files } = store.platform;
  const own = (await lookAtManifest(store))?.manifest.own;
  if (!own) return [];
  const needed = new Set([own.release, own.previous?.release]);
  const old = (name: string, ending: string) => name.endsWith(ending) && !needed.has(name.slice(0, -ending.length));
  const steps: PlanStep[] = [];
  const remove = (subject: string, reason: string) => steps.push({ action: "remove", subject, reason });
  for (const name of await files.list(store.paths.records)) {
    if (old(name, ".json")) remove(join(store.paths.records, name), "neither active nor previous");
  }
  for (const name of await files.list(store.paths.pins)) {
    if (old(name, ".pin")) remove(join(store.paths.pins, name), "neither active nor previous");
  }
  const refused = await planQuarantine(store);
  steps.push(...refused);
  const quarantined = (await files.list(store.paths.quarantine)).map((name) => join(store.paths.quarantine, name));
  const kept = quarantined.filter((folder) => !refused.some(({ subject }) => subject === folder));
  for (const folder of [store.paths.folder, store.paths.records, ...kept]) {
    for (const name of await files.list(folder)) {
      if (/^\..+\.[0-9a-f]{12}\.tmp$/.test(name)) remove(join(folder, name), "left by a crash in mid-replacement");
    }
  }
  return steps;
}

/** Refused and failed builds beyond `quarantineKeep`: also planned when none succeeds, for each may be as large as the store. */
export async function planQuarantine(store: ReleaseStore): Promise<PlanStep[]> {
  const reason = `beyond the newest ${store.quarantineKeep} kept in quarantine`;
  const folders = (await listQuarantine(store)).slice(store.quarantineKeep);
  return folders.map((subject) => ({ action: "remove", subject, reason }));
}

/** Carries out a prune plan: everything goes to the trash first, under the writer lock; a pin that a reader holds stays. */
export async function applyPrune(store: ReleaseStore, plan: readonly PlanStep[]): Promise<void> {
  for (const step of plan) {
    if (step.action !== "remove") continue;
    if (step.subject.endsWith(".pin")) await removePin(store, step.subject);
    else {
      await renameFile(
        store.platform,
        step.subject,
        join(store.paths.trash, `${store.platform.random(6)}-${basename(step.subject)}`),
      );
    }
  }
  await store.platform.failpoint("prune.done");
}

/** Deletes what was pruned; slow, so after the writer lock is free. Two processes may do it at once. */
export async function emptyTrash(store: ReleaseStore): Promise<void> {
  for (const name of await store.platform.files.list(store.paths.trash)) {
    await removeTree(store.platform, join(store.paths.trash, name));
  }
}

async function removePin(store: ReleaseStore, path: string): Promise<void> {
  const { files, locks } = store.platform;
  const file = await files.open(path, "update");
  try {
    if (locks.tryLock(file, "exclusive")) await files.removeFile(path);
  } finally {
    await file.close();
  }
}
