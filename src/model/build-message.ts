import { z } from "zod";
import type { CheckResult } from "./check.ts";
import { isDated, watermarkTextMax, wholeWatermark } from "./watermark.ts";

/** Characters of a text that a build reports; the rest of a longer one is cut off. */
const textMax = 2_000;

const text = z.string().transform((whole) => (whole.length > textMax ? `${whole.slice(0, textMax)}…` : whole));
const shown = z.union([text, z.number(), z.boolean()]).transform(String);

/** A line that a build appends to the file in `LOCKKEEPER_MESSAGES`. Other fields than these are passed over. */
export const buildMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("log"), text: text.optional(), fraction: z.number().optional() }),
  z.object({ type: z.literal("progress"), text: text.optional(), fraction: z.number().optional().describe("0 to 1.") }),
  z.object({
    type: z.literal("check"),
    name: z.string().min(1).max(200),
    status: z.enum(["pass", "fail", "skip"]),
    severity: z.enum(["warn", "error"]).optional().describe("Default `error`: a failed one refuses the release."),
    table: text.optional(),
    column: text.optional(),
    observed: shown.optional(),
    expected: shown.optional(),
    message: text.optional(),
    sql: text.optional().describe("A statement that shows the offending rows."),
  }),
  z
    .object({
      type: z.literal("watermark"),
      name: z.string().min(1).max(watermarkTextMax).default(wholeWatermark).describe("Default: of the release as a whole."),
      value: z
        .union(
          [z.string().min(1).max(watermarkTextMax), z.number()],
          `must be text of 1 to ${watermarkTextMax} characters, or a number`,
        )
        .transform(String),
    })
    .refine(({ name, value }) => name !== wholeWatermark || isDated(value), {
      path: ["value"],
      message: "of the release as a whole must be a date such as 2026-11-20, or a time with its zone; give others a name",
    }),
]);

/** What a build tells: a text, its progress, a check that it ran itself, or how far its data reaches. */
export type BuildMessage = z.input<typeof buildMessageSchema>;

/** A check that a build ran itself. */
export type ReportedCheck = Extract<z.output<typeof buildMessageSchema>, { type: "check" }>;

/** What a reported check comes to, beside those that we run: `check` is `reported`. */
export function reportedResult(reported: ReportedCheck): CheckResult {
  const { name, status, severity = "error", table, column, observed, expected, message, sql } = reported;
  return {
    name,
    check: "reported",
    severity,
    status,
    ...(table !== undefined && { table }),
    ...(column !== undefined && { column }),
    observed: observed ?? status,
    expected: expected ?? "pass",
    message: message ?? messageOf(status, observed, expected),
    ...(sql !== undefined && { sql }),
  };
}

function messageOf(status: CheckResult["status"], observed: string | undefined, expected: string | undefined): string {
  const words = { pass: "the build says that it passes", fail: "the build says that it fails", skip: "the build skipped it" }[
    status
  ];
  const seen = observed === undefined ? "" : `: ${observed}`;
  return `${words}${seen}${expected === undefined ? "" : `; expected ${expected}`}`;
}
