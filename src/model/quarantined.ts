import { z } from "zod";
import { artifactsSchema, hasDatabase } from "./artifact.ts";
import { isBasename } from "./names.ts";
import { groupPaths } from "./path-index.ts";
import { releaseFileSchema, releaseTableSchema } from "./release-record.ts";

/** A path with `/` that stays below the folder it is relative to. */
const insidePath = z.string().refine((path) => {
  const parts = path.split("/");
  return parts.every((part) => part !== "" && part !== "." && part !== ".." && !/[\\\0]/.test(part));
});

const contentsSchema = z
  .object({
    basename: z.string().refine(isBasename),
    artifacts: artifactsSchema,
    tables: z.array(releaseTableSchema),
    files: z.array(releaseFileSchema.extend({ path: insidePath })).min(1),
  })
  .refine(({ artifacts, basename, files }) => !hasDatabase(artifacts) || files.some(({ path }) => path === `${basename}.duckdb`))
  .refine(({ tables, files }) => {
    const paths = files.map(({ path }) => path);
    const groups = groupPaths(tables, paths, ({ parquet }) => parquet?.path ?? "");
    return tables.every((table) => table.parquet === undefined || groups.has(table));
  });

/** What a build in quarantine holds; paths are relative to its folder. */
export type QuarantinedContents = z.infer<typeof contentsSchema>;

/** The contents that the bytes of a report tell of; `undefined` where they tell of none that can be followed, as for a build of one DuckDB file. */
export function quarantinedContents(report: Buffer): QuarantinedContents | undefined {
  try {
    const value = JSON.parse(report.toString("utf8")) as { readonly contents?: unknown } | null;
    return contentsSchema.safeParse(value?.contents).data;
  } catch {
    return undefined;
  }
}
