import { z } from "zod";
import { measures } from "./measures.ts";
import { formatDuration, parseDuration } from "./units.ts";

/** An hour in milliseconds, for bounds of durations. */
export const hourMs = 3_600_000;

/** A duration as configuration spells it, from `minMs` to `maxMs`; parses to milliseconds. */
export function durationSchema(minMs: number, maxMs: number) {
  const rule = `must be a duration such as "250ms", "30s", "10m", "2h", from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  const schema = z.string(rule).transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
    context.addIssue({ code: "custom", message: rule });
    return z.NEVER;
  });
  return schema.register(measures, { of: "milliseconds" });
}
