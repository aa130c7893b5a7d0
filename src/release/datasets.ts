import { isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { RecordedDataset } from "../model/dataset.ts";
import { buildIdPattern, releaseIdPattern } from "../model/names.ts";
import { quarantinedDatasets } from "./build/quarantine.ts";
import { lookAtRecord, recordedReleases } from "./records.ts";
import type { StoreState } from "./state.ts";
import type { ReleaseStore } from "./store.ts";

/**
 * The datasets of the release that a build without dbt follows: it must not open rows that their scope columns keep from others. Where that one's record is damaged, those of the one
 * before it.
 */
export function datasetsBefore(store: ReleaseStore, { current }: StoreState): readonly RecordedDataset[] | undefined {
  const own = current?.manifest.own;
  return datasetsOfFirst(
    store,
    [own?.release, own?.previous?.release].flatMap((release) => release ?? []),
  );
}

/** The same for what another program has made: the datasets of the newest release that has a record. */
export async function datasetsOfNewest(store: ReleaseStore): Promise<readonly RecordedDataset[] | undefined> {
  return datasetsOfFirst(store, (await recordedReleases(store)).toReversed());
}

function datasetsOfFirst(store: ReleaseStore, releases: readonly string[]): readonly RecordedDataset[] | undefined {
  for (const release of releases) {
    try {
      const found = lookAtRecord(store, release);
      if (found) return found.record.datasets;
    } catch (error) {
      if (!isLockkeeperError(error, "RECORD_INVALID", "FORMAT_UNSUPPORTED")) throw error;
    }
  }
  return undefined;
}

/**
 * The datasets that a release was made with: by its record, or of a build in quarantine by its report. What another program has made, and the fallback, have none. Throws
 * `RELEASE_UNKNOWN` for one of ours whose record is gone, `RECORD_INVALID`, `FORMAT_UNSUPPORTED`: nobody knows then whose rows are whose.
 */
export function releaseDatasets(store: ReleaseStore, release: string): readonly RecordedDataset[] {
  if (buildIdPattern.test(release)) return quarantinedDatasets(store, release);
  if (!releaseIdPattern.test(release)) return [];
  const found = lookAtRecord(store, release);
  if (found) return found.record.datasets ?? [];
  throw new LockkeeperError("RELEASE_UNKNOWN", `${store.name} does not keep the record of ${release}`, { subject: release });
}
