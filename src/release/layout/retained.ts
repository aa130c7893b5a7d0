import { join } from "node:path";
import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { OwnManifest } from "../../model/manifest.ts";
import { releaseNumber } from "../../model/names.ts";
import { formatDuration } from "../../model/units.ts";
import { readHistory } from "../history.ts";
import { isInForce, readMark } from "../marks.ts";
import { readRecord, recordedReleases, type StoredRecord } from "../records.ts";
import type { ReleaseStore } from "../store.ts";
import type { Retained } from "./layout.ts";

/** A release folder, or a slot's release from before a conversion. `unreadable`: a newer version wrote its record, or it is damaged. */
interface Candidate {
  readonly release: string;
  readonly stored: StoredRecord | "missing" | "unreadable";
  /** Whether the history tells that it was ever active. */
  readonly served: boolean;
}

/**
 * What the retention rules of a store keep: always the active release, the one before it and what bears a date in the future; then the newest `keep` that were ever active, and
 * those younger than `within`. A release that a crash kept from ever being active goes by its age alone.
 */
export async function retainReleases(store: ReleaseStore, own: OwnManifest): Promise<Retained[]> {
  const events = await readHistory(store);
  const served = new Set(events.flatMap(({ type, release }) => (type === "release.switched" && release ? [release] : [])));
  const candidates = (await recordedReleases(store)).map((release) => ({
    release,
    stored: storedOf(store, release),
    served: served.size === 0 || served.has(release) || release === own.release,
  }));
  const highest = candidates.findLast((candidate) => candidate.served)?.release ?? "";
  const newest = new Set(
    candidates
      .filter((candidate) => candidate.served)
      .slice(-store.retention.keep)
      .map(({ release }) => release),
  );
  const judged = candidates.map((candidate) => ({ candidate, ...judge(store, candidate, { own, newest, highest }) }));
  const keptFiles = new Set(judged.flatMap(({ candidate, keep }) => (keep ? filesOf(store, candidate) : [])));
  return judged.map(({ candidate, keep, reason }) => ({
    release: candidate.release,
    keep,
    reason,
    // A slot holds one release after another: what a release that is kept names as its file stays.
    paths: filesOf(store, candidate).filter((path) => keep || !keptFiles.has(path)),
    bytes: typeof candidate.stored === "string" ? 0 : candidate.stored.record.files.reduce((sum, file) => sum + file.bytes, 0),
  }));
}

function judge(
  store: ReleaseStore,
  { release, stored, served }: Candidate,
  { own, newest, highest }: { readonly own: OwnManifest; readonly newest: ReadonlySet<string>; readonly highest: string },
): Pick<Retained, "keep" | "reason"> {
  const { keep, withinMs } = store.retention;
  if (release === own.release) return { keep: true, reason: "active" };
  if (release === own.previous?.release) return { keep: true, reason: "active before: what a rollback goes to" };
  const mark = readMark(store, release);
  if (mark && isInForce(store, mark)) return { keep: true, reason: `pinned: ${mark.reason}` };
  // Its number would be given again: the next release that is active is a higher one.
  if (!served && isNewer(release, highest))
    return { keep: true, reason: "a crash kept it from ever being active; it goes with the next release" };
  if (stored === "missing") return { keep: false, reason: "a crash left it without a record" };
  const created = stored === "unreadable" ? undefined : Date.parse(stored.record.createdAt);
  const now = store.platform.clock.now().getTime();
  if (created !== undefined && created > now) return { keep: true, reason: "its date lies in the future" };
  if (newest.has(release)) return { keep: true, reason: `among the newest ${keep}` };
  if (created !== undefined && now - created < withinMs) {
    return { keep: true, reason: `younger than ${formatDuration(withinMs)}` };
  }
  if (!served) return { keep: false, reason: "a crash kept it from ever being active" };
  const older = withinMs > 0 ? `, and older than ${formatDuration(withinMs)}` : "";
  return { keep: false, reason: `beyond the newest ${keep}${older}` };
}

function isNewer(release: string, other: string): boolean {
  return (releaseNumber(release) ?? 0) > (releaseNumber(other) ?? 0);
}

function storedOf(store: ReleaseStore, release: string): Candidate["stored"] {
  try {
    return readRecord(store, release) ?? "missing";
  } catch (error) {
    if (!isLockkeeperError(error, "RECORD_INVALID", "FORMAT_UNSUPPORTED")) throw error;
    return "unreadable";
  }
}

/** What lies on disk for a release: its folder; or its slot and its record. */
function filesOf(store: ReleaseStore, { release, stored }: Candidate): string[] {
  if (typeof stored === "string") return [store.paths.release(release), store.paths.record(release, "slots")];
  if (stored.record.layout === "releases") return [store.paths.release(release)];
  const data = stored.record.files.map((file) => join(store.paths.folder, file.path));
  return [...data, join(store.paths.folder, stored.reference)];
}
