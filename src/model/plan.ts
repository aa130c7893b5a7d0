import { z } from "zod";

/** A release and the version it was made active under. */
export const relSchema = z.object({ release: z.string(), version: z.int().min(0) });

/** A release and the version it was made active under. */
export type Rel = z.infer<typeof relSchema>;

/** One thing that an operation would do, with its reason. `subject` is a path or release. */
export const planStepSchema = z.object({
  action: z.enum(["clean", "build", "copy", "check", "install", "switch", "record", "remove", "keep"]),
  subject: z.string(),
  reason: z.string(),
});

/** One step of a plan. */
export type PlanStep = z.infer<typeof planStepSchema>;

/** What a publish would do; `--dry-run` prints it. */
export const publishPlanSchema = z.object({
  store: z.string(),
  base: relSchema.optional(),
  target: z.string().describe("Path that the build would be installed at, as things stand now."),
  bytesNeeded: z.int().min(0),
  bytesFree: z.int().min(0),
  bytesFreed: z.int().min(0).optional().describe('Of the inactive slot, which `space = "2x"` removes before the build.'),
  steps: z.array(planStepSchema),
});

/** What a publish would do. */
export type PublishPlan = z.infer<typeof publishPlanSchema>;

/** What a rollback or adoption would do. */
export const switchPlanSchema = z.object({
  store: z.string(),
  from: relSchema.optional(),
  to: relSchema,
  active: z.string(),
  reason: z.enum(["publish", "rollback", "adopt"]),
  steps: z.array(planStepSchema),
});

/** What a rollback or adoption would do. */
export type SwitchPlan = z.infer<typeof switchPlanSchema>;
