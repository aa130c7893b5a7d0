import { z } from "zod";

const meta = z.record(z.string(), z.unknown()).nullish();

const describedColumn = z.object({ name: z.string(), description: z.string().nullish() });

const node = z.object({
  resource_type: z.string(),
  name: z.string(),
  alias: z.string().nullish(),
  schema: z.string().nullish(),
  description: z.string().nullish(),
  meta,
  // From dbt 1.10 on meta stands in config alone.
  config: z.object({ meta, enabled: z.boolean().nullish() }).nullish(),
  columns: z.record(z.string(), describedColumn).nullish(),
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

/** dbt's `manifest.json`, as far as it is read. */
export type DbtManifest = z.infer<typeof dbtManifestSchema>;

/** dbt's `catalog.json`, as far as it is read. */
export type DbtCatalog = z.infer<typeof dbtCatalogSchema>;

/** A model, seed or snapshot of dbt's manifest. */
export type DbtNode = z.infer<typeof node>;
