import { z } from "zod";

/** What an audit or a validation reports. Findings never change anything. */
export const findingSchema = z.object({
  code: z.string(),
  severity: z.enum(["info", "warn", "error"]),
  store: z.string().optional(),
  subject: z.string(),
  detail: z.string(),
  remedy: z.object({ command: z.string(), automatic: z.boolean() }).optional(),
});

/** What an audit or a validation reports. */
export type Finding = z.infer<typeof findingSchema>;
