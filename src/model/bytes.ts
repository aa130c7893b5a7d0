import { z } from "zod";
import { measures } from "./measures.ts";
import { formatSize, parseBytes } from "./units.ts";

/** A number of bytes as configuration spells it, from `min` to `max`; parses to bytes. */
export function bytesSchema(min: number, max: number) {
  const rule = `must be a size such as "64KB", "64MB", "1GiB", from ${formatSize(min)} to ${formatSize(max)}`;
  const schema = z.string(rule).transform((text, context) => {
    const bytes = parseBytes(text);
    if (bytes !== undefined && bytes >= min && bytes <= max) return bytes;
    context.addIssue({ code: "custom", message: rule });
    return z.NEVER;
  });
  return schema.register(measures, { of: "bytes" });
}
