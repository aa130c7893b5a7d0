import { isLockkeeperError } from "../errors/lockkeeper-error.ts";
import { releaseOf, type IdentifiedManifest, type Manifest } from "../model/manifest.ts";
import type { ReleaseRecord } from "../model/release-record.ts";
import type { StoreFreshness } from "../model/results.ts";
import { formatDuration, formatElapsed } from "../model/units.ts";
import { lastDataLoadDate } from "../model/watermark.ts";
import { lookAtManifest } from "./manifest-file.ts";
import { recordOf } from "./records.ts";
import type { ReleaseStore } from "./store.ts";
import { namingErrors } from "./system-errors.ts";

/** How far clocks of two machines may be apart before a time in the future is told: those that are kept by NTP differ by far less. Milliseconds. */
export const clockToleranceMs = 60_000;

/**
 * How old the active release is, by the manifest and this machine's clock, and how far its data reaches, by its record; opens nothing else. `fail` when it is older than `maxAgeMs`, when there is none, or when
 * its age cannot be told: a staleness alarm that is silent then would be silent for ever. Never throws for a broken store; it says so.
 */
export async function storeFreshness(
  store: ReleaseStore,
  { maxAgeMs }: { readonly maxAgeMs?: number | undefined } = {},
): Promise<StoreFreshness> {
  const asked = maxAgeMs === undefined ? {} : { maxAgeMs };
  const found = await manifestOrProblem(store);
  if (typeof found === "string") return { store: store.name, status: "fail", ...asked, detail: [found] };
  const { manifest, updated, said } = found;
  const ageMs = store.platform.clock.now().getTime() - updated.getTime();
  const failure = failureOf(ageMs, maxAgeMs);
  const unsaid = said ? [] : [`the manifest does not say when it was written; its file changed at ${updated.toISOString()}`];
  const reach = reachOf(found.record);
  const doubts = [...unsaid, ...reach.detail];
  const passing = doubts.length === 0 ? "pass" : "warn";
  return {
    store: store.name,
    status: failure === undefined ? passing : "fail",
    release: releaseOf(manifest),
    version: manifest.version,
    lastUpdated: updated.toISOString(),
    ageMs,
    ...asked,
    ...(reach.date !== undefined && { lastDataLoadDate: reach.date }),
    detail: [...(failure === undefined ? [] : [failure]), ...doubts],
  };
}

function failureOf(ageMs: number, maxAgeMs: number | undefined): string | undefined {
  if (ageMs < -clockToleranceMs)
    return `lastUpdated lies ${formatElapsed(-ageMs)} in the future: a clock is wrong, the age cannot be told`;
  if (maxAgeMs === undefined || ageMs <= maxAgeMs) return undefined;
  return `late: ${formatElapsed(ageMs)} old, more than ${formatDuration(maxAgeMs)}`;
}

/** How far the data reaches, by the release's record; nothing where another program made the release, or its build said nothing. */
function reachOf(record: ReleaseRecord | string | undefined): {
  readonly date?: string | undefined;
  readonly detail: readonly string[];
} {
  if (record === undefined) return { detail: [] };
  if (typeof record === "string") return { detail: [`lastDataLoadDate is not known: ${record}`] };
  const { date, passedOver } = lastDataLoadDate(record);
  const [first, ...more] = passedOver;
  if (first === undefined) return { date, detail: [] };
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  return { date, detail: [`watermark ${first.name} is ${first.value}, after the release itself, and does not count${others}`] };
}

interface DatedManifest {
  /** The release's record; a sentence where it cannot be read; `undefined` for another program's release. */
  readonly record: ReleaseRecord | string | undefined;
  readonly manifest: Manifest;
  readonly updated: Date;
  /** False where the manifest has no time of its own, which other programs may leave out, and the file's counts. */
  readonly said: boolean;
}

async function manifestOrProblem(store: ReleaseStore, looksLeft = 3): Promise<DatedManifest | string> {
  const { files } = store.platform;
  const path = store.paths.manifest;
  try {
    return await namingErrors(store, async () => {
      const found = await lookAtManifest(store);
      const stat = await files.stat(path);
      if (!found || !stat) return `no release: ${path} does not exist`;
      const said = Date.parse(found.manifest.lastUpdated ?? "");
      const updated = new Date(Number.isNaN(said) ? Number(stat.modifiedNs / 1_000_000n) : said);
      const record = await recordOrProblem(store, found);
      if (record === "moved" && looksLeft > 1) return manifestOrProblem(store, looksLeft - 1);
      return { manifest: found.manifest, updated, said: !Number.isNaN(said), record };
    });
  } catch (error) {
    if (!isLockkeeperError(error)) throw error;
    return error.message;
  }
}

/** `moved`: the record was of no use, and by now another release is active, whose record may be. */
async function recordOrProblem(
  store: ReleaseStore,
  { manifest, identity }: IdentifiedManifest,
): Promise<ReleaseRecord | string | undefined> {
  if (!manifest.own) return undefined;
  try {
    return recordOf(store, manifest.own).record;
  } catch (error) {
    if (!isLockkeeperError(error)) throw error;
    return (await lookAtManifest(store))?.identity === identity ? error.message : "moved";
  }
}
