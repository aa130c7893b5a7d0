import { z } from "zod";
import { diffResultSchema } from "./diff.ts";
import { storeEventSchema } from "./events.ts";
import { idPattern } from "./names.ts";
import { relSchema } from "./plan.ts";
import { releasesResultSchema } from "./results.ts";

/** Rows of a JSON page unless `limit` says, and the most that it may say. */
export const pageRowsDefault = 1_000;
/** The most rows of a JSON page. */
export const pageRowsMax = 10_000;

/** A positive number in an address, of so many digits that it stays exact. */
const count = (max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .refine((number) => number >= 1 && number <= max, `must be between 1 and ${max}`);

const flag = z
  .enum(["true", "false"], "must be true or false")
  .default("false")
  .transform((text) => text === "true");

/** The store in a path. */
export const storePath = z.object({
  store: z.string().regex(idPattern, "is no store id").describe("A store of lockkeeper.toml."),
});

const releaseId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, "is no release id")
  .describe("A release that is kept, or a build in quarantine.");

/** A store and one of its releases in a path. */
export const releasePath = storePath.extend({ release: releaseId });

/** A store and one of its tables in a path. */
export const tablePath = storePath.extend({
  table: z.string().min(1).max(300).describe("A table or view: its name, or schema and name with a dot between."),
});

/** A store and one of its named queries in a path. */
export const queryPath = storePath.extend({ name: z.string().regex(idPattern, "is no name of a query") });

/** No parameter at all. */
export const noQuery = z.strictObject({});

/** Which release an answer comes from. */
export const fromRelease = z.strictObject({
  release: releaseId.optional().describe("This release instead of the active one; its answers never change."),
});

/** How rows are written. */
export const formats = ["json", "ndjson", "csv", "parquet"] as const;

/** One of `formats`. */
export type Format = (typeof formats)[number];

/** Which release, in which format. */
export const formatQuery = fromRelease.extend({
  format: z
    .enum(formats, `must be ${formats.join(", ")}`)
    .optional()
    .describe("Beats `Accept`. Default json."),
  shape: z
    .enum(["rows", "objects"], "must be rows or objects")
    .default("rows")
    .describe("Of JSON: rows as arrays in the order of `columns`, or as objects by column name."),
  guard: flag.describe("Of CSV: an apostrophe goes before text that a spreadsheet would take for a formula."),
});

/** Rows of a table. Filters, `where.<column>.<operator>`, come beside these. */
export const rowsQuery = formatQuery.extend({
  select: z
    .string()
    .min(1)
    .max(10_000)
    .optional()
    .describe("Columns, with commas between; a name with a comma or a quote in double quotes. Default: all."),
  sort: z
    .string()
    .min(1)
    .max(10_000)
    .optional()
    .describe("Columns to sort by, with commas between; `-` before a name is descending."),
  limit: count(1_000_000_000)
    .optional()
    .describe(
      `Rows. Of JSON a page, ${pageRowsDefault} by default and ${pageRowsMax} at most; of the other formats all of them by default.`,
    ),
  page: z.string().min(1).max(2_000).optional().describe("`next` of the page before. Of JSON only."),
});

/** What is inside of a page token. */
export const pageTokenSchema = z.strictObject({
  r: z.string().max(64).describe("The release."),
  u: z.string().max(64).describe("Its uid."),
  q: z.string().max(64).describe("A digest of what was asked for."),
  o: z.int().min(0).describe("Rows before the page."),
});

/** Which releases are compared. */
export const diffQuery = z.strictObject({
  from: releaseId.optional().describe("Default: the release before the active one."),
  to: releaseId.optional().describe("Default: the active release."),
});

/** Which events are followed. */
export const eventsQuery = z.strictObject({
  store: z.string().regex(idPattern, "is no store id").optional().describe("Needed where there are several stores."),
  after: z.string().max(64).optional().describe("As `Last-Event-ID`: go on after this event; 0 begins with the first."),
});

/** An error's answer, RFC 9457. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string().describe("As docs/errors.md lists them."),
  hint: z.string().optional(),
});

const column = z.object({ name: z.string(), type: z.string().describe("The engine's own name, for example DECIMAL(18,3).") });

/** Rows with the release that they come from. */
export const rowsAnswer = z.object({
  columns: z.array(column),
  rows: z.array(z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())])),
  release: z.string(),
  version: z.int().optional().describe("Absent for a release that never was active."),
  next: z.string().optional().describe("The token of the next page; absent on the last."),
});

/** What a table looks like. */
export const tableAnswer = z.object({
  schema: z.string(),
  name: z.string(),
  kind: z.enum(["table", "view"]),
  rows: z.int().optional().describe("Exact for a table; absent for a view."),
  columns: z.array(column.extend({ nullable: z.boolean() })),
  release: z.string(),
  version: z.int().optional(),
});

/** The tables of a release. */
export const tablesAnswer = z.object({
  tables: z.array(z.object({ schema: z.string(), name: z.string(), kind: z.enum(["table", "view"]), rows: z.int().optional() })),
  release: z.string(),
  version: z.int().optional(),
});

/** The stores that the caller may read, with what is active in each. */
export const storesAnswer = z.object({
  stores: z.array(
    z.object({
      store: z.string(),
      kind: z.string(),
      status: z.enum(["pass", "warn", "fail"]),
      release: z.string().optional(),
      version: z.int().optional(),
      lastUpdated: z.string().optional(),
      servingVersion: z.int().optional().describe("What this server answers from; absent where it has opened none."),
    }),
  ),
});

/** The named queries of a store. */
export const queriesAnswer = z.object({
  queries: z.array(
    z.object({
      name: z.string(),
      description: z.string().optional(),
      parameters: z.array(
        z.object({
          name: z.string(),
          type: z.string(),
          required: z.boolean(),
          default: z.unknown().optional(),
        }),
      ),
    }),
  ),
});

/** How fresh the data of `serve.default_store` is. */
export const dataFreshnessAnswer = z.object({
  lastDataLoadDate: z
    .string()
    .nullable()
    .describe("How far the data reaches, as its build reported it; else when it was published."),
  dbVersion: z.int().describe("The version that answers come from."),
  lastUpdated: z.string().nullable(),
  active: z.string().nullable(),
  servingVersion: z.int(),
  timestamp: z.string().describe("When this was asked."),
});

/** What a reader has open. */
export const dbStatusAnswer = z.object({
  ok: z.boolean(),
  active: z.string().nullable(),
  servingVersion: z.int(),
  publishedVersion: z.int().nullable(),
  generations: z.array(z.object({ id: z.int(), state: z.string(), version: z.int().optional(), inFlightRequests: z.int() })),
  lastManifestError: z.object({ code: z.string(), message: z.string() }).nullable(),
});

/** What a rollback asks for. */
export const rollbackBody = z
  .strictObject({
    to: releaseId.optional(),
    steps: z.int().min(1).max(1_000_000).optional(),
    reason: z.string().min(1).max(1_000).describe("Why; kept in the history."),
  })
  .refine(({ to, steps }) => to === undefined || steps === undefined, "must have one of to and steps, not both");

/** What a rollback came to. */
export const rollbackAnswer = z.object({
  store: z.string(),
  release: z.string(),
  version: z.int(),
  previous: relSchema.optional(),
  reason: z.string(),
});

/** Liveness and readiness. */
export const probeAnswer = z.object({
  status: z.enum(["pass", "fail"]),
  stores: z
    .object({ configured: z.int(), serving: z.int() })
    .optional()
    .describe("How many stores there are, and how many of them have an open reader. Of readiness only."),
  draining: z.literal(true).optional().describe("The server is about to end: send it nothing new."),
});

/** Health of everything that is served, in the words of health+json. */
export const healthAnswer = z.object({
  status: z.enum(["pass", "warn", "fail"]),
  releaseId: z.string().optional(),
  checks: z.record(
    z.string(),
    z.array(
      z.object({
        componentId: z.string().optional(),
        status: z.enum(["pass", "warn", "fail"]),
        observedValue: z.unknown().optional(),
        observedUnit: z.string().optional(),
        time: z.string().optional(),
        output: z.string().optional(),
      }),
    ),
  ),
});

/** The health of a server, as `/health` tells it. */
export type Health = z.infer<typeof healthAnswer>;

/** What a name in the OpenAPI document stands for. */
export const namedSchemas: Readonly<Record<string, z.ZodType>> = {
  DataFreshness: dataFreshnessAnswer,
  DbStatus: dbStatusAnswer,
  Diff: diffResultSchema,
  Event: storeEventSchema,
  Health: healthAnswer,
  Probe: probeAnswer,
  Problem: problemSchema,
  Queries: queriesAnswer,
  Releases: releasesResultSchema,
  Rollback: rollbackAnswer,
  Rows: rowsAnswer,
  Stores: storesAnswer,
  Table: tableAnswer,
  Tables: tablesAnswer,
};
