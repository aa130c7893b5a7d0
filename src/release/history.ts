import type { HistoryEvent } from "../model/history.ts";
import { parseHistory } from "../model/history.ts";
import { releaseNumber } from "../model/names.ts";
import type { OwnManifest } from "../model/manifest.ts";
import { writeWhole } from "../platform/files.ts";
import { ioError } from "../platform/io-error.ts";
import type { OpenFile } from "../platform/port.ts";
import type { ReleaseStore } from "./store.ts";

/** An event without what the history gives it. */
export type NewEvent = Omit<HistoryEvent, "id" | "store" | "time"> & { readonly time?: string };

/** All events, oldest first; empty where there is no history. */
export async function readHistory(store: ReleaseStore): Promise<HistoryEvent[]> {
  if ((await store.platform.files.stat(store.paths.history)) === undefined) return [];
  return withHistoryFile(store, "read", async (file) => parseHistory(await readWhole(file)).events);
}

/**
 * Adds lines under the writer lock, durably. First what an earlier writer left is made durable, a torn end is cut, so that a crash in an earlier append
 * cannot spoil this one, and the switch of `manifest` gets its line if a crash kept it from being written.
 */
export async function appendHistory(
  store: ReleaseStore,
  manifest: OwnManifest | undefined,
  added: readonly NewEvent[],
): Promise<void> {
  const isNew = (await store.platform.files.stat(store.paths.history)) === undefined;
  await withHistoryFile(store, "update", async (file) => {
    // A killed process may have left its line in the cache: written after it, this one could reach the disk alone.
    if (!isNew) await file.sync();
    const bytes = await readWhole(file);
    const { events, wholeBytes } = parseHistory(bytes);
    if (wholeBytes < bytes.length) await file.truncate(wholeBytes);
    const missing = missingSwitch(events, manifest);
    const lines = [...(missing ? [missing] : []), ...added].map((event, index) =>
      renderEvent(store, event, lastId(events) + 1 + index),
    );
    if (lines.length === 0) return;
    await writeWhole(file, Buffer.from(lines.join("")), wholeBytes);
    await file.sync();
    await store.platform.failpoint("history.appended");
  });
  if (isNew) await store.platform.files.syncFolder(store.paths.own);
}

/** The highest version and release number that a history speaks of; 0 where it speaks of none. */
export function historyHeights(events: readonly HistoryEvent[]): { readonly version: number; readonly release: number } {
  const highest = (of: (event: HistoryEvent) => number | undefined) =>
    events.reduce((top, event) => Math.max(top, of(event) ?? 0), 0);
  return { version: highest((event) => event.version), release: highest((event) => releaseNumber(event.release ?? "")) };
}

function missingSwitch(events: readonly HistoryEvent[], manifest: OwnManifest | undefined): NewEvent | undefined {
  if (!manifest || events.some((event) => event.commit === manifest.commit)) return undefined;
  const { release, version, previous, reason, commit, lastUpdated: time, note } = manifest;
  return { type: "release.switched", release, version, reason, commit, time, ...relOf(previous), ...(note && { note }) };
}

/** `previous` of an event, from a manifest's. */
export function relOf(previous: OwnManifest["previous"]): Pick<HistoryEvent, "previous"> {
  return previous ? { previous: { release: previous.release, version: previous.version } } : {};
}

function renderEvent(store: ReleaseStore, event: NewEvent, id: number): string {
  const { time = store.platform.clock.now().toISOString(), ...rest } = event;
  return `${JSON.stringify({ id, store: store.name, time, ...rest })}\n`;
}

function lastId(events: readonly HistoryEvent[]): number {
  return events.reduce((highest, event) => Math.max(highest, event.id), 0);
}

async function readWhole(file: OpenFile): Promise<Buffer> {
  return file.read(0, (await file.stat()).bytes);
}

async function withHistoryFile<T>(store: ReleaseStore, mode: "read" | "update", use: (file: OpenFile) => Promise<T>): Promise<T> {
  try {
    const file = await store.platform.files.open(store.paths.history, mode);
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw ioError(error, mode === "read" ? "read" : "append to", store.paths.history);
  }
}
