import { z } from "zod";
import { historyEventSchema, type HistoryEvent } from "./history.ts";
import { releaseOf, sha256Hex, type IdentifiedManifest } from "./manifest.ts";

/**
 * Id of another program's switch, which has no line in the history: the id of the last event before it, `+`, and the beginning of its release's uid. No
 * line's id looks like it, and what follows `--after` or `Last-Event-ID` may be either.
 */
const foreignIdPattern = /^(\d{1,16})\+([0-9a-f]{12})$/;

/** What watchers of a store are told: a line of its history, or a switch of another program as it was seen on the manifest. */
export const storeEventSchema = historyEventSchema.omit({ commit: true }).extend({
  id: z
    .union([z.int().min(1), z.string().regex(foreignIdPattern)])
    .describe("The line's sequence number in the store's history; `<number>+<hex>` for a switch of another program."),
});

/** What watchers of a store are told. */
export type StoreEvent = z.infer<typeof storeEventSchema>;

/** After which event to go on. */
export interface EventCursor {
  /** Sequence number of the last line that was told; 0 before the first. */
  readonly line: number;
  /** The foreign switch that was told after it, if one was. */
  readonly foreign: string | undefined;
}

/** Before a store's first event. */
export const beforeAllEvents: EventCursor = { line: 0, foreign: undefined };

/** The cursor of an event's id, given as text; `undefined` for what is no id. `0` is before the first event. */
export function parseEventId(text: string): EventCursor | undefined {
  const [, line = text, foreign] = foreignIdPattern.exec(text) ?? [];
  if (!/^\d{1,16}$/.test(line) || !Number.isSafeInteger(Number(line))) return undefined;
  return { line: Number(line), foreign };
}

/** Where a watcher is that has been told `event`, after what it was told before. A foreign switch stays told when lines follow it. */
export function cursorAfter(before: EventCursor, event: Pick<StoreEvent, "id">): EventCursor {
  const { line, foreign } = parseEventId(String(event.id)) ?? before;
  return { line, foreign: foreign ?? before.foreign };
}

/** Whether a watcher at `cursor` has been told `event`, or what came after it. */
export function isTold(cursor: EventCursor, event: Pick<StoreEvent, "id">): boolean {
  const { line, foreign } = parseEventId(String(event.id)) ?? beforeAllEvents;
  if (foreign === undefined) return line <= cursor.line;
  return line < cursor.line || foreign === cursor.foreign;
}

/** A cursor as text, which `parseEventId` reads. */
export function cursorText({ line, foreign }: EventCursor): string {
  return foreign === undefined ? String(line) : `${line}+${foreign}`;
}

/** The event of a history's line, for watchers of the store that is called `store` today. */
export function historyEvent(store: string, line: HistoryEvent): StoreEvent {
  const { commit: _, store: __, id, type, time, ...rest } = line;
  return { id, type, store, time, ...rest };
}

/** What tells another program's switch from every other: the beginning of the uid that its release has for readers. */
export function foreignMark({ identity }: Pick<IdentifiedManifest, "identity">): string {
  return sha256Hex(identity).slice(0, 12);
}

/** The event of another program's manifest. `time` is the manifest's `lastUpdated` where that is a time, else `seen`. */
export function foreignEvent(
  found: IdentifiedManifest,
  place: { readonly store: string; readonly line: number; readonly seen: Date },
): StoreEvent {
  const { manifest } = found;
  const time = Date.parse(manifest.lastUpdated ?? "");
  return {
    id: `${place.line}+${foreignMark(found)}`,
    type: "release.switched",
    store: place.store,
    time: (Number.isNaN(time) ? place.seen : new Date(time)).toISOString(),
    release: releaseOf(manifest),
    version: manifest.version,
    reason: "foreign",
  };
}
