import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { parseEventId, type EventCursor, type StoreEvent } from "../model/events.ts";
import { storeEvents } from "../release/events.ts";
import type { ReleaseStore } from "../release/store.ts";
import { emitWarning, type WarningSink } from "./wiring.ts";

/** Which events `workspace.events` tells. */
export interface WorkspaceEventsOptions {
  /** One store; default: all of them. */
  readonly store?: string | undefined;
  /** Goes on after this event, by its `id`; 0 is before the first. Ids count per store, so it needs `store` where there are several. */
  readonly after?: StoreEvent["id"] | undefined;
  /** Goes on until `signal` aborts or the workspace is closed. */
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Takes what cannot be told, such as broken lines with their numbers. Default: `process.emitWarning`. */
  readonly onWarning?: WarningSink | undefined;
}

/** The events of some stores, as `workspace.events` tells them. Throws `USAGE` for an `after` that is no id, or could be one of several stores. */
export function workspaceEvents(
  stores: readonly ReleaseStore[],
  options: WorkspaceEventsOptions,
): AsyncGenerator<StoreEvent, void, undefined> {
  const { after, follow, signal, onWarning = emitWarning } = options;
  return storeEvents(stores, { after: after === undefined ? undefined : cursorOf(after, stores), follow, signal, onWarning });
}

function cursorOf(after: StoreEvent["id"], stores: readonly ReleaseStore[]): EventCursor {
  const cursor = parseEventId(String(after));
  if (!cursor) {
    throw new LockkeeperError("USAGE", `"${after}" is no id of an event`, {
      hint: 'Ids are numbers from 1 on, or like "42+3f9c0c1d5e7f" for a switch of another program; 0 is before the first.',
      subject: "after",
    });
  }
  if (stores.length === 1) return cursor;
  throw new LockkeeperError("USAGE", "ids of events count per store, and no store is named", {
    hint: `Name the one that event ${after} is of: ${stores.map(({ name }) => name).join(", ")}.`,
    subject: "after",
  });
}
