import { z } from "zod";
import { durationSchema, hourMs } from "./duration.ts";

/** Values that one `accepted` check may list; a longer list belongs into a table, for `references`. */
export const acceptedValuesMax = 1_000;

/** How long the statement of a `sql` check may run unless it says. Milliseconds. */
export const sqlTimeDefaultMs = 300_000;

/** Characters of one statement. */
const queryLengthMax = 100_000;
const columnsMax = 100;
const longestMs = 3_650 * 24 * hourMs;

const severity = z.enum(["warn", "error"]).default("error").describe("`error` refuses the release, `warn` only reports.");
const name = z.string().optional().describe("What results are called; default: the check and its table.");
const tableName = z.string().min(1).describe("`name`, or `schema.name` outside the schema `main`.");
const columnName = z.string().min(1);
const rowCount = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const columns = z
  .array(columnName)
  .min(1)
  .max(columnsMax)
  .refine((names) => new Set(names.map((column) => column.toLowerCase())).size === names.length, "must name each column once");
const common = { name, severity };
const noNul = (text: string) => !text.includes("\0");

const tables = z.strictObject({ check: z.literal("tables"), ...common, names: z.array(tableName).min(1) });

const rows = z
  .strictObject({
    check: z.literal("rows"),
    ...common,
    table: tableName,
    min: rowCount.optional(),
    max: rowCount.optional(),
    drift: z
      .number()
      .min(0)
      .max(1_000_000)
      .optional()
      .describe("Largest change against the active release, as a share of its rows: 0.2 is a fifth more or fewer."),
  })
  .refine(
    ({ min, max, drift }) => min !== undefined || max !== undefined || drift !== undefined,
    "needs min, max or drift, or several of them",
  )
  .refine(({ min = 0, max = Infinity }) => min <= max, "has a min above its max");

const schema = z.strictObject({
  check: z.literal("schema"),
  ...common,
  mode: z.enum(["identical", "compatible", "any"]).describe("What may differ from the active release."),
});

const unique = z.strictObject({ check: z.literal("unique"), ...common, table: tableName, columns });

const notNull = z.strictObject({ check: z.literal("not_null"), ...common, table: tableName, columns });

const acceptedValue = z.union(
  [z.string().refine(noNul), z.number(), z.boolean()],
  "must be a string without a NUL character, a finite number, true or false",
);

const accepted = z.strictObject({
  check: z.literal("accepted"),
  ...common,
  table: tableName,
  column: columnName,
  values: z
    .array(acceptedValue)
    .min(1)
    .max(acceptedValuesMax)
    .refine(
      (values) => new Set(values.map((value) => typeof value)).size <= 1,
      "must hold strings only, numbers only, or true and false only",
    ),
});

const references = z.strictObject({
  check: z.literal("references"),
  ...common,
  table: tableName,
  column: columnName,
  to: z.string().regex(/^.+\..+$/s, 'must be "table.column" or "schema.table.column"'),
});

const fresh = z
  .strictObject({
    check: z.literal("fresh"),
    ...common,
    table: tableName,
    column: columnName,
    warn_after: durationSchema(1_000, longestMs).optional().describe("A greater age of the newest value is reported."),
    error_after: durationSchema(1_000, longestMs).optional().describe("A greater age of the newest value refuses the release."),
  })
  .refine(
    ({ warn_after, error_after }) => warn_after !== undefined || error_after !== undefined,
    "needs warn_after, error_after or both",
  )
  .refine(({ warn_after = 0, error_after = Infinity }) => warn_after <= error_after, "has a warn_after above its error_after");

const sql = z
  .strictObject({
    check: z.literal("sql"),
    ...common,
    file: z
      .string()
      .min(1)
      .max(4_096)
      .refine(noNul, "must not hold a NUL character")
      .optional()
      .describe("File with the statement, relative to the configuration file."),
    query: z
      .string()
      .max(queryLengthMax)
      .refine(noNul, "must not hold a NUL character")
      .refine((text) => text.trim() !== "", "must not be empty")
      .optional()
      .describe("The statement itself."),
    timeout: durationSchema(1, 24 * hourMs)
      .optional()
      .describe("A statement that runs longer fails."),
  })
  .refine(({ file, query }) => (file === undefined) !== (query === undefined), "needs either file or query");

const phantomRows = z.strictObject({
  check: z.literal("phantom_rows"),
  ...common,
  except: z.array(tableName).max(1_000).optional().describe("Tables whose only row may be NULL throughout."),
});

/** The shape of each configured check, by its `check`. */
export const checkShapes = [tables, rows, schema, unique, notNull, accepted, references, fresh, sql, phantomRows] as const;
