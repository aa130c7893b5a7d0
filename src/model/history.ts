import { z } from "zod";
import { relSchema } from "./plan.ts";
import { switchReasons } from "./manifest.ts";
import { quickLook } from "./quick-look.ts";

/** One line of `.lockkeeper/history.jsonl`. `id` is the line's sequence number and the event id. */
export const historyEventSchema = z.object({
  id: z.int().min(1),
  type: z.enum(["release.switched", "release.refused", "build.failed"]),
  store: z.string(),
  time: z.iso.datetime(),
  release: z.string().optional(),
  version: z.int().min(0).optional(),
  previous: relSchema.optional(),
  reason: z.enum(switchReasons).optional(),
  note: z.string().optional(),
  /** The manifest's `commit`: tells whether a switch has its line. */
  commit: z.string().optional(),
  build: z.string().optional(),
  detail: z.string().optional(),
});

/** One line of the history. */
export type HistoryEvent = z.infer<typeof historyEventSchema>;

const isPlainEvent = quickLook(historyEventSchema);

/**
 * The history's events, oldest first, and how many bytes of the file are whole lines: what a crash in mid-append left at the end is in neither,
 * be it a part of a line or, after a power cut, a line with blocks that never reached the disk. A malformed line elsewhere is skipped; so is one of
 * a kind that a newer version wrote, which is kept wherever it stands.
 */
export function parseHistory(bytes: Buffer): { readonly events: HistoryEvent[]; readonly wholeBytes: number } {
  const wholeBytes = wholeLines(bytes);
  const events: HistoryEvent[] = [];
  for (const line of bytes.subarray(0, wholeBytes).toString("utf8").split("\n")) {
    const parsed = parseHistoryLine(line);
    if (typeof parsed === "object") events.push(parsed);
  }
  return { events, wholeBytes };
}

/**
 * What one line says, given without its line feed: an event; `unknown`, JSON that is none, as a newer version may write; or `broken`, which is no JSON.
 * Where whole lines end is decided by the broken ones alone.
 */
export function parseHistoryLine(line: string): HistoryEvent | "unknown" | "broken" {
  const value = parseLine(line);
  if (value === undefined) return "broken";
  if (isPlainEvent(value)) return value as HistoryEvent;
  const parsed = historyEventSchema.safeParse(value);
  return parsed.success ? parsed.data : "unknown";
}

function wholeLines(bytes: Buffer): number {
  let end = bytes.lastIndexOf(0x0a) + 1;
  while (end > 0) {
    const start = end < 2 ? 0 : bytes.lastIndexOf(0x0a, end - 2) + 1;
    if (parseLine(bytes.toString("utf8", start, end)) !== undefined) return end;
    end = start;
  }
  return 0;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
