import { z } from "zod";

const meta = z.record(z.string(), z.unknown()).nullish();

const describedColumn = z.object({ name: z.string(), description: z.string().nullish() });

const node = z.object({
  resource_type: z.string(),
  name: z.string(),
  alias: z.string().nullish(),
  schema: z.string().nullish(),
  database: z.string().nullish(),
  description: z.string().nullish(),
  meta,
  // From dbt 1.10 on meta stands in config alone.
  config: z
    .object({
      meta,
      enabled: z.boolean().nullish(),
      materialized: z.string().nullish(),
      severity: z.string().nullish(),
    })
    .nullish(),
  columns: z.record(z.string(), describedColumn).nullish(),
  /** Of a test: the model that it is of, and the column. */
  attached_node: z.string().nullish(),
  column_name: z.string().nullish(),
});

/** What is read of dbt's `manifest.json`; it has a thousand keys more. */
export const dbtManifestSchema = z.object({ nodes: z.record(z.string(), node) });

/** What is read of dbt's `catalog.json`. */
export const dbtCatalogSchema = z.object({
  nodes: z.record(
    z.string(),
    z.object({ columns: z.record(z.string(), z.object({ name: z.string(), comment: z.string().nullish() })) }),
  ),
});

const runResult = z.object({
  unique_id: z.string(),
  status: z.string(),
  message: z.string().nullish(),
  failures: z.number().nullish(),
  compiled_code: z.string().nullish(),
});

/** What is read of dbt's `run_results.json`. */
export const dbtRunResultsSchema = z.object({
  args: z.object({ which: z.string().nullish() }).nullish(),
  results: z.array(runResult),
});

/** What is read of dbt's `sources.json`. */
export const dbtSourcesSchema = z.object({
  results: z.array(
    z.object({
      unique_id: z.string(),
      status: z.string(),
      error: z.string().nullish(),
      max_loaded_at: z.string().nullish(),
    }),
  ),
});

/** What dbt says of one node that it ran. */
export type DbtRunResult = z.infer<typeof runResult>;

/** dbt's `run_results.json`, as far as it is read. */
export type DbtRunResults = z.infer<typeof dbtRunResultsSchema>;

/** dbt's `sources.json`, as far as it is read. */
export type DbtSources = z.infer<typeof dbtSourcesSchema>;

/** dbt's `manifest.json`, as far as it is read. */
export type DbtManifest = z.infer<typeof dbtManifestSchema>;

/** dbt's `catalog.json`, as far as it is read. */
export type DbtCatalog = z.infer<typeof dbtCatalogSchema>;

/** A model, seed or snapshot of dbt's manifest. */
export type DbtNode = z.infer<typeof node>;
