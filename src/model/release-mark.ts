import { z } from "zod";

/** An operator's pin on a release: `.lockkeeper/pins/<release>.json`. */
export const releaseMarkSchema = z.object({
  reason: z.string().describe("In the operator's words."),
  since: z.string().describe("RFC 3339 UTC."),
  until: z.iso.datetime().optional().describe("From then on it counts no more; absent: for ever."),
});

/** An operator's pin on a release. */
export type ReleaseMark = z.infer<typeof releaseMarkSchema>;

/** Reads a mark's text; `undefined` for what is none. */
export function parseReleaseMark(text: string): ReleaseMark | undefined {
  try {
    const parsed = releaseMarkSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
