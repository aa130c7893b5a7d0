import { z } from "zod";
import { idPattern } from "./names.ts";
import { fromRelease } from "./http.ts";

/** Rows of a dataset's answer unless `limit` says, and the most that it may say. */
export const datasetRowsDefault = 1_000;
/** The most rows of a dataset's answer. */
export const datasetRowsMax = 10_000;

/** The most rows that may be passed over. */
const offsetMax = 1_000_000_000;

const wholeNumber = (name: string, min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `must be a whole number between ${min} and ${max}`)
    .transform(Number)
    .refine((number) => number >= min && number <= max, `must be between ${min} and ${max}`)
    .describe(name);

const day = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/, "must be a day such as 2026-01-31")
  .refine((text) => isDay(text), "is no day of the calendar");

/** A dataset in a path. */
export const datasetPath = z.object({
  id: z.string().regex(idPattern, "is no id of a dataset").describe("A dataset, as the address ending in /datasets lists them."),
});

/** A job in a path. */
export const jobPath = z.object({ job: z.string().regex(/^[0-9a-f]{12}$/, "is no id of a job") });

/** What narrows a dataset's rows whatever its columns are. Filters come beside these, by column. */
export const datasetQuery = fromRelease.extend({
  start_date: day.optional().describe("The first day, by the dataset's date column."),
  end_date: day.optional().describe("The last day, which is in."),
  limit: wholeNumber(`Rows, ${datasetRowsDefault} by default.`, 1, datasetRowsMax).optional(),
  offset: wholeNumber("Rows to pass over.", 0, offsetMax).optional(),
});

/** What narrows a dataset's rows whatever its columns are. */
export type DatasetQuery = z.infer<typeof datasetQuery>;

/** Names that no column's filter has. */
export const datasetQueryNames: readonly string[] = Object.keys(datasetQuery.shape);

function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text) && !text.startsWith("0000");
}

/** The day after a day. */
export function dayAfter(text: string): string {
  return new Date(Date.parse(`${text}T00:00:00Z`) + 86_400_000).toISOString().replace(/T.*$/, "").replace(/^\+0*/, "");
}

const nullableText = z.string().nullable();

const datasetEntry = z.object({
  id: z.string().describe("Stable across releases."),
  dataset_name: z.string().describe("The table."),
  friendly_name: z.string(),
  description: nullableText,
  group: nullableText,
  time_grain: nullableText,
});

/** Whether datasets can be had. */
export const analyticsStatusAnswer = z.object({
  duckdb_available: z.boolean().describe("Whether a release, or a fallback, can be read."),
  manifest_available: z
    .boolean()
    .describe("Whether it is known which datasets there are: by lockkeeper.toml, or by dbt's manifest."),
  dataset_count: z.int(),
  last_refresh: nullableText.describe(
    "When the data that is served was published; of a fallback, when its newest file was written.",
  ),
});

/** The datasets. */
export const datasetsAnswer = z.object({ datasets: z.array(datasetEntry), total: z.int() });

/** A dataset with its columns. */
export const datasetSchemaAnswer = datasetEntry.extend({
  columns: z.array(
    z.object({
      name: z.string().describe("In lower case."),
      data_type: z.string().describe("The engine's own name."),
      description: nullableText,
    }),
  ),
});

/** Rows of a dataset. */
export const datasetRowsAnswer = z.object({
  dataset_id: z.string(),
  dataset_name: z.string(),
  rows: z
    .array(z.record(z.string(), z.unknown()))
    .describe("By column, in lower case. Numbers are JSON numbers with all their digits."),
  row_count: z.int().describe("Of this answer."),
  filters_applied: z.record(z.string(), z.unknown()),
});

const threshold = z.object({ count: z.int(), period: z.enum(["minute", "hour", "day"]) }).nullable();

/** How old a dataset is, as an entry of dbt's `sources.json` has it. */
export const datasetFreshnessAnswer = z.object({
  unique_id: z.string(),
  max_loaded_at: nullableText,
  snapshotted_at: z.string(),
  max_loaded_at_time_ago_in_s: z.number().nullable(),
  status: z.enum(["pass", "warn", "error"]),
  criteria: z.object({ warn_after: threshold, error_after: threshold, filter: nullableText }),
});

/** How old a dataset is, as an entry of dbt's `sources.json` has it. */
export type DatasetFreshness = z.infer<typeof datasetFreshnessAnswer>;

/** How old all of them are, as dbt's `sources.json` has it. */
export const datasetsFreshnessAnswer = z.object({
  metadata: z.object({ generated_at: z.string() }),
  results: z.array(datasetFreshnessAnswer),
  elapsed_time: z.number().describe("Seconds."),
});

/** A refresh of the store. */
export const jobAnswer = z.object({
  job: z.string(),
  store: z.string(),
  status: z.enum(["running", "succeeded", "refused", "failed", "cancelled"]),
  started_at: z.string(),
  finished_at: nullableText,
  phase: nullableText.describe("The step of the publish that it is in, or ended in."),
  release: nullableText.describe("The release that it published."),
  version: z.int().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  log: z.string().describe("The end of what the build wrote."),
});

/** A refresh of the store. */
export type Job = z.infer<typeof jobAnswer>;

/** What names in the OpenAPI document stand for. */
export const analyticsSchemas: Readonly<Record<string, z.ZodType>> = {
  AnalyticsStatus: analyticsStatusAnswer,
  Datasets: datasetsAnswer,
  DatasetSchema: datasetSchemaAnswer,
  DatasetRows: datasetRowsAnswer,
  DatasetFreshness: datasetFreshnessAnswer,
  DatasetsFreshness: datasetsFreshnessAnswer,
  Job: jobAnswer,
};
