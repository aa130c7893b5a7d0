import { z } from "zod";
import { idPattern } from "./names.ts";

/** Values that an enum filter may list, and columns that one dataset may have filters or words for. */
const valuesMax = 1_000;
const columnsMax = 10_000;

/** How callers may narrow one column: to one value, to some, to some of a list, or to a range. */
export const datasetFilterTypes = ["equals", "list", "enum", "range"] as const;

const anyText = z.string().max(10_000);

const columnName = z.string().min(1).max(255);

/** A filter of a dataset. */
export const datasetFilterSchema = z
  .strictObject({
    type: z
      .enum(datasetFilterTypes)
      .describe("`equals`: one value; `list`: any of some; `enum`: any of `values`; `range`: from and to."),
    values: z
      .array(z.union([z.string().max(1_000), z.number(), z.boolean()]))
      .min(1)
      .max(valuesMax)
      .optional()
      .describe("Of an enum: the values that may be asked for."),
  })
  .refine(({ type, values }) => (type === "enum") === (values !== undefined), {
    path: ["values"],
    message: 'must be there with type "enum", and only there',
  });

/** A filter of a dataset. */
export type DatasetFilter = z.infer<typeof datasetFilterSchema>;

/** `[stores.<id>.datasets.<id>]`: what the dataset API offers of a table. What is left out comes from dbt's meta. */
export const datasetConfigSchema = z.strictObject({
  table: z
    .string()
    .min(1)
    .max(511)
    .optional()
    .describe("The table or view: its name, or schema and name with a dot between. Default: the dataset's id."),
  friendly_name: anyText.optional().describe("What people call it. Default: the table's name in words."),
  description: anyText.optional().describe("What it holds."),
  group: anyText.optional().describe("What it is listed under."),
  time_grain: anyText.optional().describe('How much time a row stands for, such as "day".'),
  date_column: columnName.optional().describe("The column that `start_date` and `end_date` narrow."),
  scope_column: columnName
    .optional()
    .describe("The column that every query binds to the caller's value: nobody sees a row of another."),
  filters: z
    .record(columnName, datasetFilterSchema)
    .refine((filters) => Object.keys(filters).length <= columnsMax, `must hold at most ${columnsMax} columns`)
    .optional()
    .describe("What callers may filter by, by column. Default: every column that has one value."),
});

/** A valid `[stores.<id>.datasets.<id>]`. */
export type DatasetConfig = z.infer<typeof datasetConfigSchema>;

/** `[stores.<id>.datasets]`. */
export const datasetsConfigSchema = z.record(z.string().regex(idPattern), datasetConfigSchema);

/** A dataset as a release's record keeps it: what dbt's files said when the release was made. */
export const recordedDatasetSchema = z.object({
  id: z.string().regex(idPattern),
  schema: z.string().optional().describe("Where dbt put the table; a release of Parquet files may have it elsewhere."),
  table: z.string().min(1),
  friendlyName: z.string().optional(),
  description: z.string().optional(),
  group: z.string().optional(),
  timeGrain: z.string().optional(),
  dateColumn: z.string().optional(),
  scopeColumn: z.string().optional(),
  filters: z.record(z.string(), datasetFilterSchema).optional(),
  columns: z
    .array(z.object({ name: z.string(), description: z.string() }))
    .optional()
    .describe("Columns that dbt's files describe."),
});

/** A dataset as a release's record keeps it. */
export type RecordedDataset = z.infer<typeof recordedDatasetSchema>;

/** Recorded datasets from a file; `undefined` where they are none. */
export function parseRecordedDatasets(value: unknown): readonly RecordedDataset[] | undefined {
  return z.array(recordedDatasetSchema).safeParse(value).data;
}

/** What the dataset API knows of a dataset before it has seen the release's tables. */
export type DatasetDefinition = RecordedDataset;

/** The definitions of a store: those of its configuration, else those that a release was made with. What both have of one id, the configuration decides. */
export function definitionsOf(
  configured: Readonly<Record<string, DatasetConfig>>,
  recorded: readonly RecordedDataset[],
): readonly DatasetDefinition[] {
  const byId = new Map(recorded.map((dataset) => [dataset.id, dataset]));
  for (const [id, config] of Object.entries(configured)) byId.set(id, overlaid(id, config, byId.get(id)));
  return [...byId.values()].toSorted((one, other) => (one.id < other.id ? -1 : 1));
}

function overlaid(id: string, config: DatasetConfig, recorded: RecordedDataset | undefined): DatasetDefinition {
  const { table, ...words } = config;
  const place = table === undefined ? { table: id } : placeOf(table);
  // What was recorded of the place goes with it: a table that the configuration names may be elsewhere.
  const said = { ...place, ...defined(renamed(words)) };
  return {
    ...recorded,
    ...(recorded && table === undefined ? { ...said, table: recorded.table } : { schema: undefined, ...said }),
    id,
  };
}

function renamed({
  friendly_name,
  description,
  group,
  time_grain,
  date_column,
  scope_column,
  filters,
}: Omit<DatasetConfig, "table">) {
  return {
    friendlyName: friendly_name,
    description,
    group,
    timeGrain: time_grain,
    dateColumn: date_column,
    scopeColumn: scope_column,
    filters,
  };
}

/** Without the members that say nothing. */
function defined<Shape extends object>(shape: Shape): Partial<Shape> {
  return Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)) as Partial<Shape>;
}

/** A table's name as the configuration writes it: `schema.name`, or the name alone. */
function placeOf(text: string): { readonly schema: string | undefined; readonly table: string } {
  const dot = text.indexOf(".");
  return dot === -1 ? { schema: undefined, table: text } : { schema: text.slice(0, dot), table: text.slice(dot + 1) };
}

/** What people call a dataset that nobody named: `fct_daily_spend` is `Fct daily spend`. */
export function friendlyNameOf({ friendlyName, table }: Pick<DatasetDefinition, "friendlyName" | "table">): string {
  if (friendlyName !== undefined) return friendlyName;
  const text = table.replaceAll(/[_\s]+/g, " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}
