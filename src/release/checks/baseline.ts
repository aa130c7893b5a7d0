import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { IdentifiedManifest } from "../../model/manifest.ts";
import type { ReleaseRecord } from "../../model/release-record.ts";
import { lookAtManifest } from "../manifest-file.ts";
import { readRecord, recordOf } from "../records.ts";
import type { ReleaseStore } from "../store.ts";
import type { Baseline } from "./context.ts";

/** What a build is compared with: the tables in the record of the release that is active now. */
export function activeBaseline(store: ReleaseStore): Promise<Baseline> {
  return baselineOr(async () => {
    const current = await lookAtManifest(store);
    if (!current) return { missing: "there is no active release to compare with" };
    if (!current.manifest.own)
      return { missing: "another program published the active release; there is no record to compare with" };
    const { release, tables } = recordOf(store, current.manifest.own).record;
    return { release, tables };
  });
}

/** What the active release is compared with when it is checked again: its parent, which it replaced, as long as that one's record is kept. */
export function parentBaseline(store: ReleaseStore, current: IdentifiedManifest): Promise<Baseline> {
  return baselineOr(async () => {
    const { own } = current.manifest;
    if (!own) return { missing: "another program published this release; there is no record to compare with" };
    return baselineOfParent(store, recordOf(store, own).record);
  });
}

/** The same for a release by its record. */
export function baselineOfParent(store: ReleaseStore, { release, parent }: ReleaseRecord): Promise<Baseline> {
  return baselineOr(async () => {
    if (parent === undefined) return { missing: `${release} had no release before it to compare with` };
    const record = readRecord(store, parent)?.record;
    if (!record) return { missing: `the record of ${parent}, which ${release} replaced, is no longer kept` };
    return { release: parent, tables: record.tables };
  });
}

/** A record that cannot be used is a reason not to compare, not one to fail. */
async function baselineOr(read: () => Promise<Baseline>): Promise<Baseline> {
  try {
    return await read();
  } catch (error) {
    if (!isLockkeeperError(error, "RECORD_INVALID", "FORMAT_UNSUPPORTED", "MANIFEST_INVALID")) throw error;
    return { missing: `there is nothing to compare with: ${error.message}` };
  }
}
