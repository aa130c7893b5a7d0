import type { PruneResult } from "../model/results.ts";
import { makeManifestDurable } from "./manifest-file.ts";
import { prepareFolders } from "./open.ts";
import { applyPrune, emptyTrash, planPrune } from "./retention.ts";
import { assertExists, readState } from "./state.ts";
import type { OperationOptions, ReleaseStore } from "./store.ts";
import { namingErrors } from "./system-errors.ts";
import { warn } from "./warn.ts";
import { underWriterLock } from "./writer-lock.ts";

/**
 * Removes what the retention rules of the store no longer keep, as every publish does at its end. With `dryRun` it tells what it would remove; whether a reader
 * has one of those open is seen only when it is removed. Throws `NO_RELEASE`, `FOREIGN_MANIFEST`, `MANIFEST_GONE`, `WRITER_LOCKED`.
 */
export async function pruneReleases(store: ReleaseStore, options: OperationOptions = {}): Promise<PruneResult> {
  return namingErrors(store, async () => {
    assertExists(store, await readState(store));
    if (options.dryRun) {
      const { releases } = await planPrune(store);
      const removed = releases.filter(({ keep }) => !keep).map(({ release, reason, bytes }) => ({ release, reason, bytes }));
      const kept = releases.filter(({ keep }) => keep).map(({ release, reason }) => ({ release, reason }));
      return { store: store.name, outcome: "planned", removed, kept };
    }
    await prepareFolders(store);
    const pruned = await underWriterLock(store, { ...options, purpose: "prune" }, async () => {
      await makeManifestDurable(store);
      assertExists(store, await readState(store));
      return applyPrune(store, await planPrune(store));
    });
    await emptyTrash(store).catch((error: unknown) => warn(options, `${store.paths.trash} could not be emptied`, error));
    return { store: store.name, outcome: "pruned", ...pruned };
  });
}
