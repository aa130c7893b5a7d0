import { hasDetached } from "../release/detached/claim.ts";
import { buildUnknown } from "../release/detached/fate.ts";
import type { ReleaseStore } from "../release/store.ts";
import { namingErrors } from "../release/system-errors.ts";

/**
 * The store that a detached build belongs to. Throws `BUILD_UNKNOWN`, saying what became of it; where a store cannot be looked into, and no other has the build, what kept it
 * from being looked into.
 */
export async function storeOfBuild(stores: readonly ReleaseStore[], build: string): Promise<ReleaseStore> {
  const problems: unknown[] = [];
  for (const store of stores) {
    try {
      if (await namingErrors(store, () => hasDetached(store, build))) return store;
    } catch (error) {
      problems.push(error);
    }
  }
  if (problems.length > 0) throw problems[0];
  throw await buildUnknown(stores, build);
}
