import { z } from "zod";

const severity = z.enum(["warn", "error"]).default("error").describe("`error` refuses the release, `warn` only reports.");
const tableName = z.string().min(1).describe("`name`, or `schema.name` outside the schema `main`.");
const rowCount = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** A configured rule that a build must pass before the switch. */
export const checkSchema = z.discriminatedUnion("check", [
  z.strictObject({ check: z.literal("tables"), name: z.string().optional(), severity, names: z.array(tableName).min(1) }),
  z
    .strictObject({
      check: z.literal("rows"),
      name: z.string().optional(),
      severity,
      table: tableName,
      min: rowCount.optional(),
      max: rowCount.optional(),
    })
    .refine(({ min, max }) => min !== undefined || max !== undefined, "needs min, max or both")
    .refine(({ min = 0, max = Infinity }) => min <= max, "has a min above its max"),
]);

/** A configured check. */
export type Check = z.infer<typeof checkSchema>;

/** What a check found. `observed` and `expected` are for people and machines alike: short text. */
export const checkResultSchema = z.object({
  name: z.string(),
  check: z.string(),
  severity: z.enum(["warn", "error"]),
  status: z.enum(["pass", "fail", "skip"]),
  table: z.string().optional(),
  observed: z.string(),
  expected: z.string(),
  message: z.string(),
});

/** What a check found. */
export type CheckResult = z.infer<typeof checkResultSchema>;

/** Whether results refuse a release: one failed check of severity `error` is enough. */
export function refuses(results: readonly CheckResult[]): boolean {
  return results.some((result) => result.status === "fail" && result.severity === "error");
}
