import { z } from "zod";
import { tokenConfigSchema } from "./access-token.ts";
import { artifactsSchema, isDatabaseOnly } from "./artifact.ts";
import { bytesSchema } from "./bytes.ts";
import { checkSchema } from "./check.ts";
import { datasetsConfigSchema } from "./dataset.ts";
import { durationSchema, hourMs } from "./duration.ts";
import { environmentPattern } from "./environment.ts";
import { webhookAddress, webhookEventTypes } from "./webhook.ts";
import { basenamePattern, idPattern, reservedBasenames } from "./names.ts";
import { serveConfigSchema } from "./serve-config.ts";

/** The name of the configuration file. */
export const configFileName = "lockkeeper.toml";

/** A larger configuration file is refused unread. Bytes. */
export const configBytesMax = 1_048_576;

const path = z
  .string()
  .min(1)
  .max(4_096)
  .refine((text) => !text.includes("\0"), "must not hold a NUL character");

/** Files of named queries: a folder's, or one. Other wildcards are refused, for they would be taken for names. */
const queries = path.refine(
  (text) => text.endsWith(".sql") && !/[*?[\]{}]/.test(text.replace(/(^|[/\\])\*\.sql$/, "$1")),
  'must be a folder and "*.sql", such as "queries/*.sql", or one .sql file',
);

const basename = z
  .string()
  .regex(basenamePattern, 'must be a file name stem: letters, digits, "_", "-", "."')
  .refine(
    (name) => !reservedBasenames.has(name.toLowerCase()),
    `must not be a name that DuckDB keeps for itself (${[...reservedBasenames].join(", ")})`,
  );

const fallback = path.refine(
  (text) => !text.startsWith("env:") || environmentPattern.test(text),
  'must be a path, or "env:" and the name of a variable',
);

/** `[stores.<id>.reader.limits]`: bounds of a reader's queries. */
export const readerLimitsSchema = z.strictObject({
  concurrency: z.int().min(1).max(1_024).optional().describe("Queries at a time; more wait in order."),
  rows: z.int().min(1).max(Number.MAX_SAFE_INTEGER).optional().describe("Rows of one result; more are an error, never cut off."),
  time: duration(1, 24 * hourMs).describe("How long one query may run."),
  bytes: bytesSchema(1, 100_000_000_000)
    .optional()
    .describe("Size of the values of one result, roughly; larger ones are an error."),
  memory: z
    .string()
    .regex(/^\d+(\.\d+)?\s?([KMGT]i?B|%)$/i, 'must be an amount of memory such as "2GB"')
    .optional()
    .describe("Memory of the engine for one release."),
  threads: z.int().min(1).max(1_024).optional().describe("Threads of the engine for one release."),
  releases: z.int().min(1).max(16).optional().describe("Releases asked for by name that are open beside the active one."),
});

/** `[stores.<id>.reader]`: how readers of the store behave. What is left out has the reader's own default. */
export const readerConfigSchema = z.strictObject({
  freshness: z
    .enum(["strict", "eventual"])
    .optional()
    .describe("Whether a request that saw a new version waits for it (`strict`) or is served by the old one meanwhile."),
  drain_timeout: duration(0, 24 * hourMs).describe(
    "How long queries of an old release may still run before they are interrupted.",
  ),
  fallback_idle: duration(0, 24 * hourMs).describe("How long the fallback file stays open without a request."),
  kept_idle: duration(0, 24 * hourMs).describe("How long a release that was asked for by name stays open without a request."),
  poll: duration(10, 24 * hourMs).describe("How often an idle reader looks at the manifest."),
  wait: duration(0, hourMs).describe("How long a request waits for a release to open."),
  allow_network_fs: z.boolean().optional().describe("Whether a store on a network file system may be read."),
  verify: z
    .enum(["size", "sha256"])
    .optional()
    .describe("What of a release's files is compared with its record before it serves; `sha256` reads them whole."),
  warmup: z
    .array(z.string().min(1).max(100_000))
    .max(100)
    .optional()
    .describe("Queries that a new release runs before requests see it."),
  limits: readerLimitsSchema.optional().describe("Bounds of a reader's queries."),
});

/** `[stores.<id>.build]`: what `publish` runs when no command follows `--`. */
export const buildConfigSchema = z
  .strictObject({
    command: z
      .array(z.string().refine((text) => !text.includes("\0"), "must not hold a NUL character"))
      .min(1)
      .max(1_000)
      .refine((argv) => argv[0] !== "", "must begin with a program")
      .optional()
      .describe("Program and arguments; no shell. Runs in the folder of the configuration file."),
    sql: path.optional().describe("A folder of .sql files to run in the order of their names, or one such file."),
    timeout: duration(1_000, 7 * 24 * hourMs).describe("A longer build is stopped."),
  })
  .refine(({ command, sql }) => command === undefined || sql === undefined, {
    path: ["sql"],
    message: "must be left out where there is a command: a build has one of them",
  });

/** `[stores.<id>.retention]`: which releases stay beside those that are in use. */
export const retentionConfigSchema = z.strictObject({
  keep: z.int().min(1).max(1_000_000).optional().describe("How many of the newest, the active one among them. Default 5."),
  within: duration(0, 3_650 * 24 * hourMs).describe("Younger ones are kept too. Default none."),
});

/** `[[stores.<id>.webhooks]]`: who is told of the store's events over HTTP. */
export const webhookConfigSchema = z.strictObject({
  url: z
    .string()
    .max(2_048)
    .refine(
      (text) => environmentPattern.test(text) || webhookAddress(text) !== undefined,
      'must be an http or https address, or "env:" and the name of a variable that holds one',
    )
    .describe("Where events are sent."),
  secret: z
    .string()
    .regex(environmentPattern, 'must be "env:" and the name of a variable; the secret itself never stands in this file')
    .describe("The variable that holds the secret which deliveries are signed with."),
  events: z.array(z.enum(webhookEventTypes)).min(1).max(10).optional().describe('Which events. Default `["release.switched"]`.'),
});

/** `[stores.<id>]` with `kind = "release"`. */
export const releaseStoreConfigSchema = z
  .strictObject({
    kind: z.literal("release").describe("What kind of store this is."),
    dir: path.describe("Folder of the store."),
    layout: z.enum(["releases", "slots"]).default("releases").describe("How releases lie on disk."),
    basename: basename.optional().describe("Stem of the DuckDB files, and the name the database is attached under."),
    artifacts: artifactsSchema.optional().describe("What a release holds. Default: one DuckDB file."),
    fallback: fallback.optional().describe("Single DuckDB file that readers serve when there is no manifest."),
    fallback_parquet: fallback
      .optional()
      .describe("Folder of Parquet tables that readers serve when there is no manifest, before the single file."),
    space: z
      .enum(["2x", "3x"])
      .optional()
      .describe(
        "How much disk a store of two slots may take while it builds, in sizes of the data; `2x` gives up going back meanwhile.",
      ),
    retention: retentionConfigSchema.optional().describe("Which old releases layout `releases` keeps."),
    reader: readerConfigSchema.optional().describe("How readers of the store behave."),
    build: buildConfigSchema.optional().describe("What `publish` runs."),
    datasets: datasetsConfigSchema.optional().describe("What the dataset API offers, by id."),
    queries: queries.optional().describe("Files of named queries: a folder and `*.sql`, or one file."),
    webhooks: z.array(webhookConfigSchema).max(20).optional().describe("Who is told of the store's events over HTTP."),
    checks: z
      .array(checkSchema)
      .max(500)
      .refine(
        (checks) => checks.filter(({ check }) => check === "phantom_rows").length <= 1,
        'must hold "phantom_rows" once at most',
      )
      .optional()
      .describe("Rules that a build must pass before the switch."),
  })
  .refine(({ layout, retention }) => layout === "releases" || retention === undefined, {
    path: ["retention"],
    message: 'must be left out with layout "slots", which keeps the active release and the one before',
  })
  .refine(({ layout, artifacts }) => layout === "releases" || artifacts === undefined || isDatabaseOnly(artifacts), {
    path: ["artifacts"],
    message: 'must be left out with layout "slots", whose releases are one DuckDB file',
  })
  .refine(({ layout, space }) => layout === "slots" || space !== "2x", {
    path: ["space"],
    message: 'must be "3x" or left out with layout "releases", where `retention` says how many are kept',
  });

/** A whole `lockkeeper.toml`. */
export const configSchema = z.strictObject({
  format: z.literal(1).describe("Format of this file."),
  stores: z
    .record(z.string().regex(idPattern), releaseStoreConfigSchema)
    .default({})
    .describe("The stores, by id: lower-case letters, digits, `_` and `-`, at most 64."),
  serve: serveConfigSchema.optional().describe("The HTTP server."),
  tokens: z.array(tokenConfigSchema).max(1_000).optional().describe("Who may ask the HTTP server, and for what."),
});

/** A valid `lockkeeper.toml`: keys as in the file, durations in milliseconds. */
export type Config = z.infer<typeof configSchema>;

/** A valid `[stores.<id>]`. */
export type ReleaseStoreConfig = z.infer<typeof releaseStoreConfigSchema>;

function duration(minMs: number, maxMs: number) {
  return durationSchema(minMs, maxMs).optional();
}
