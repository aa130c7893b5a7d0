import { z } from "zod";
import { datasetFilterSchema, datasetFilterTypes, type DatasetFilter, type RecordedDataset } from "../dataset.ts";
import { idPattern } from "../names.ts";
import type { DbtCatalog, DbtManifest, DbtNode } from "./files.ts";

/** What a model's `meta` makes a dataset with; other keys are other tools'. */
const datasetMetaSchema = z.object({
  dataset: z.union([z.boolean(), z.string().regex(idPattern, 'must be true or an id: lower-case letters, digits, "_" and "-"')]),
  friendly_name: z.string().nullish(),
  description: z.string().nullish(),
  group: z.string().nullish(),
  time_grain: z.string().nullish(),
  date_column: z.string().min(1).nullish(),
  scope_column: z.string().min(1).nullish(),
  filters: z.unknown().optional(),
});

/** Kinds of nodes that have a table of their own. */
const tableKinds: ReadonlySet<string> = new Set(["model", "seed", "snapshot"]);

/** What a project's files offer as datasets, and what is wrong with the rest, in sentences. */
export interface DbtDatasets {
  readonly datasets: readonly RecordedDataset[];
  readonly problems: readonly string[];
}

/** The datasets of a dbt project: each model with `meta: {dataset: true}`, or an id in place of `true`. Without one the id is the model's name. */
export function dbtDatasets({ nodes }: DbtManifest, catalog?: DbtCatalog): DbtDatasets {
  const datasets = new Map<string, RecordedDataset>();
  const problems: string[] = [];
  for (const [uniqueId, node] of Object.entries(nodes)) {
    const meta = metaOf(node);
    const offered = meta["dataset"] ?? false;
    if (offered === false || !tableKinds.has(node.resource_type) || node.config?.enabled === false) continue;
    const found = datasetOf(node, meta, descriptionsOf(node, catalog?.nodes[uniqueId]));
    if (typeof found === "string") {
      problems.push(`${uniqueId}: ${found}`);
    } else if (datasets.has(found.id)) {
      problems.push(
        `${uniqueId}: another model is the dataset "${found.id}", too; give one another id, as in meta: {dataset: other_id}`,
      );
    } else {
      datasets.set(found.id, found);
    }
  }
  return { datasets: [...datasets.values()].toSorted((one, other) => (one.id < other.id ? -1 : 1)), problems };
}

function metaOf({ meta, config }: DbtNode): Record<string, unknown> {
  return { ...meta, ...config?.meta };
}

function datasetOf(
  node: DbtNode,
  meta: Record<string, unknown>,
  columns: NonNullable<RecordedDataset["columns"]>,
): RecordedDataset | string {
  const parsed = datasetMetaSchema.safeParse(meta);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return `meta.${issue?.path.join(".") ?? ""} ${issue?.message ?? "is malformed"}`;
  }
  const { data } = parsed;
  const table = node.alias ?? node.name;
  const id = typeof data.dataset === "string" ? data.dataset : node.name.toLowerCase();
  if (!idPattern.test(id)) return `"${id}" cannot be a dataset's id; name one, as in meta: {dataset: an_id}`;
  const filters = filtersOf(data.filters);
  if (typeof filters === "string") return filters;
  return {
    id,
    table,
    ...said("schema", node.schema),
    ...said("friendlyName", data.friendly_name),
    ...said("description", data.description ?? node.description),
    ...said("group", data.group),
    ...said("timeGrain", data.time_grain),
    ...said("dateColumn", data.date_column),
    ...said("scopeColumn", data.scope_column),
    ...(filters && { filters }),
    ...(columns.length > 0 && { columns }),
  };
}

function said<Name extends string>(name: Name, value: string | null | undefined): { [Key in Name]?: string } {
  return value === null || value === undefined || value === "" ? {} : ({ [name]: value } as { [Key in Name]?: string });
}

/** `filters: [a, b]`, `filters: {a: enum …}` or `filters: {a: range}`. */
function filtersOf(value: unknown): Record<string, DatasetFilter> | undefined | string {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) {
    const names = value.filter((name): name is string => typeof name === "string" && name !== "");
    if (names.length < value.length) return "meta.filters must list names of columns";
    return Object.fromEntries(names.map((name) => [name, { type: "list" }]));
  }
  if (typeof value !== "object") return "meta.filters must be a list of columns, or filters by column";
  const filters: Record<string, DatasetFilter> = {};
  for (const [name, entry] of Object.entries(value)) {
    const parsed = datasetFilterSchema.safeParse(typeof entry === "string" ? { type: entry } : entry);
    if (!parsed.success) {
      const known = datasetFilterTypes.join(", ");
      return `meta.filters.${name} ${parsed.error.issues[0]?.message ?? "is malformed"}; a filter has type ${known}, and an enum its values`;
    }
    filters[name] = parsed.data;
  }
  return filters;
}

/** What the schema files say of a column goes before the comment that the catalogue has. */
function descriptionsOf(
  { columns }: DbtNode,
  catalogued: DbtCatalog["nodes"][string] | undefined,
): { readonly name: string; readonly description: string }[] {
  const byName = new Map<string, { readonly name: string; readonly description: string }>();
  const note = (name: string, description: string | null | undefined): void => {
    if (description) byName.set(name.toLowerCase(), { name, description });
  };
  for (const { name, comment } of Object.values(catalogued?.columns ?? {})) note(name, comment);
  for (const { name, description } of Object.values(columns ?? {})) note(name, description);
  return [...byName.values()];
}
