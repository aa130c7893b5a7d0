import { z } from "zod";
import { checkShapes } from "./check-shapes.ts";

/** A configured rule that a build must pass before the switch. */
export const checkSchema = z.discriminatedUnion("check", checkShapes);

/** A configured check. Where a `sql` check names a file, loading the configuration puts the file's text into `query`. */
export type Check = z.infer<typeof checkSchema>;

/** A configured check of one kind. */
export type CheckOf<Kind extends Check["check"]> = Extract<Check, { check: Kind }>;

/** What a check found. `observed` and `expected` are for people and machines alike: short text. */
export const checkResultSchema = z.object({
  name: z.string(),
  check: z.string(),
  severity: z.enum(["warn", "error"]),
  status: z.enum(["pass", "fail", "skip"]),
  table: z.string().optional(),
  column: z.string().optional().describe("The column, or several with a comma and a space between."),
  observed: z.string(),
  expected: z.string(),
  message: z.string(),
  sql: z.string().optional().describe("A statement that shows the offending rows."),
});

/** What a check found. */
export type CheckResult = z.infer<typeof checkResultSchema>;

/** Check results from a file; `undefined` where they are none. */
export function parseCheckResults(value: unknown): readonly CheckResult[] | undefined {
  return z.array(checkResultSchema).safeParse(value).data;
}

/** Whether results refuse a release: one failed check of severity `error` is enough. */
export function refuses(results: readonly CheckResult[]): boolean {
  return results.some((result) => result.status === "fail" && result.severity === "error");
}
