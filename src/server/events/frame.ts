import type { StoreEvent } from "../../model/events.ts";

/** How long a client waits before it comes back. Milliseconds. */
const retryMs = 2_000;

const encoder = new TextEncoder();

/** What the hub tells besides the history: no id, for nothing can be told again. */
export interface Notice {
  /** Letters, digits, dots and dashes: `store.stale`. */
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The first block of a stream: when to come back, and from where, should nothing happen before. A block without data is no event. */
export function greetingFrame(position: string): Uint8Array {
  return encoder.encode(`retry: ${retryMs}\nid: ${position}\n\n`);
}

/** An event of the history. Without `detail`, whose words may be a driver's or a command's and hold paths. */
export function eventFrame(told: StoreEvent): Uint8Array {
  const { detail: _, ...event } = told;
  return encoder.encode(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

/** A notice of a store. */
export function noticeFrame(store: string, { type, ...fields }: Notice, time: Date): Uint8Array {
  const data = JSON.stringify({ type, store, time: time.toISOString(), ...fields });
  return encoder.encode(`event: ${type}\ndata: ${data}\n\n`);
}

/** Says nothing: keeps the connection open in what lies between, and shows the other side that it is. */
export const heartbeatFrame: Uint8Array = encoder.encode(": alive\n\n");
