import { basename, join } from "node:path";
import { LockkeeperError, isLockkeeperError } from "../errors/lockkeeper-error.ts";
import type { HistoryEvent } from "../model/history.ts";
import type { ReleaseRecord } from "../model/release-record.ts";
import type { ReleasesResult, ReleaseResult, ReleaseSummary } from "../model/results.ts";
import { pinReaders } from "./locks.ts";
import { isInForce, readMark } from "./marks.ts";
import { listQuarantine } from "./build/quarantine.ts";
import { lookAtRecord, recordedReleases } from "./records.ts";
import { readState, type StoreState } from "./state.ts";
import type { ReleaseStore } from "./store.ts";
import { namingErrors } from "./system-errors.ts";

/**
 * Every release of a store, newest first, then what lies in quarantine, newest first. A release whose record cannot be read is listed without what
 * the record would tell.
 */
export async function listReleases(store: ReleaseStore): Promise<ReleasesResult> {
  return namingErrors(store, async () => {
    const state = await readState(store);
    const versions = lastVersions(state.events);
    const [readers, names, recorded, inQuarantine] = await Promise.all([
      pinReaders(store),
      store.platform.files.list(store.paths.pins),
      recordedReleases(store),
      quarantined(store),
    ]);
    const marks = new Set(names.filter((name) => name.endsWith(".json")));
    const isPinned = (release: string) =>
      marks.size > 0 && marks.has(basename(store.paths.mark(release))) && hasMarkInForce(store, release);
    const releases = recorded.toReversed().flatMap((release) => {
      const summary = summaryOf(store, release, { state, versions, isPinned });
      const count = readers?.get(release);
      return summary ? [{ ...summary, ...(count !== undefined && { readers: count }) }] : [];
    });
    return { store: store.name, releases: [...releases, ...inQuarantine] };
  });
}

/** The record of a kept release, with its state and its operator's pin. Throws `RELEASE_UNKNOWN`, `RECORD_INVALID`. */
export async function showRelease(store: ReleaseStore, release: string): Promise<ReleaseResult> {
  return namingErrors(store, async () => {
    const state = await readState(store);
    const record = lookAtRecord(store, release)?.record;
    const look = { state, versions: lastVersions(state.events), isPinned: () => hasMarkInForce(store, release) };
    const summary = record && summaryOf(store, release, look);
    if (!record || !summary) {
      const kept = (await recordedReleases(store)).slice(-10);
      throw new LockkeeperError("RELEASE_UNKNOWN", `${store.name} does not keep ${release}`, {
        hint: kept.length > 0 ? `The newest are ${kept.join(", ")}.` : "It keeps none.",
        subject: release,
      });
    }
    const mark = readMark(store, release);
    const { formatVersion: _, ...rest } = record;
    return {
      ...rest,
      state: summary.state,
      pins: mark ? [mark] : [],
      ...(summary.version !== undefined && { version: summary.version }),
    };
  });
}

interface Look {
  readonly state: StoreState;
  readonly versions: ReadonlyMap<string, number>;
  /** By an operator. */
  readonly isPinned: (release: string) => boolean;
}

/** `undefined` where neither data nor a record of it is left: the record of a slot that was overwritten. */
function summaryOf(store: ReleaseStore, release: string, { state, versions, isPinned }: Look): ReleaseSummary | undefined {
  const record = recordOrNothing(store, release);
  const own = state.current?.manifest.own;
  const isActive = release === own?.release;
  const version = isActive ? own.version : versions.get(release);
  // A history that is gone tells of nothing: what lies there may have been active.
  const whatBecame = version === undefined && state.events.length > 0 ? "never-active" : "kept";
  if (record && !isActive && record.layout === "slots" && isOverwritten(store, record)) return undefined;
  return {
    release,
    ...(version !== undefined && { version }),
    state: isActive ? "active" : whatBecame,
    ...(record && { createdAt: record.createdAt }),
    bytes: record ? record.files.reduce((sum, file) => sum + file.bytes, 0) : 0,
    pinned: isPinned(release),
  };
}

function hasMarkInForce(store: ReleaseStore, release: string): boolean {
  const mark = readMark(store, release);
  return mark !== undefined && isInForce(store, mark);
}

/** Whether another release's data lies in its slot by now, as far as a look at the size tells. */
function isOverwritten(store: ReleaseStore, record: ReleaseRecord): boolean {
  const path = record.files[0]?.path ?? "";
  const bytes = store.platform.files.statNow(join(store.paths.folder, path))?.bytes;
  return bytes !== record.files[0]?.bytes;
}

function lastVersions(events: readonly HistoryEvent[]): ReadonlyMap<string, number> {
  return new Map(
    events.flatMap(({ type, release, version }) =>
      type === "release.switched" && release !== undefined && version !== undefined ? [[release, version] as const] : [],
    ),
  );
}

async function quarantined(store: ReleaseStore): Promise<ReleaseSummary[]> {
  const summaries: ReleaseSummary[] = [];
  for (const { build, folder, time } of await listQuarantine(store)) {
    const bytes = await bytesIn(store, folder);
    summaries.push({ release: build, state: "quarantined", ...(time && { createdAt: time }), bytes, pinned: false });
  }
  return summaries;
}

async function bytesIn(store: ReleaseStore, folder: string): Promise<number> {
  const { files } = store.platform;
  let bytes = 0;
  for (const name of await files.list(folder)) bytes += (await files.stat(join(folder, name)))?.bytes ?? 0;
  return bytes;
}

function recordOrNothing(store: ReleaseStore, release: string): ReleaseRecord | undefined {
  try {
    return lookAtRecord(store, release)?.record;
  } catch (error) {
    if (!isLockkeeperError(error, "RECORD_INVALID", "FORMAT_UNSUPPORTED")) throw error;
    return undefined;
  }
}
