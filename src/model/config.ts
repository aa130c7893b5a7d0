import { z } from "zod";
import { checkSchema } from "./check.ts";
import { basenamePattern, idPattern, reservedBasenames } from "./names.ts";
import { formatDuration, parseDuration } from "./units.ts";

/** The name of the configuration file. */
export const configFileName = "lockkeeper.toml";

/** A larger configuration file is refused unread. Bytes. */
export const configBytesMax = 1_048_576;

/** How a value names an environment variable: `env:DUCKDB_PATH`. */
const environmentPattern = /^env:([A-Za-z_][A-Za-z0-9_]*)$/;

const hourMs = 3_600_000;
const path = z
  .string()
  .min(1)
  .max(4_096)
  .refine((text) => !text.includes("\0"), "must not hold a NUL character");

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
  memory: z
    .string()
    .regex(/^\d+(\.\d+)?\s?([KMGT]i?B|%)$/i, 'must be an amount of memory such as "2GB"')
    .optional()
    .describe("Memory of the engine for one release."),
  threads: z.int().min(1).max(1_024).optional().describe("Threads of the engine for one release."),
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
  poll: duration(10, 24 * hourMs).describe("How often an idle reader looks at the manifest."),
  wait: duration(0, hourMs).describe("How long a request waits for a release to open."),
  allow_network_fs: z.boolean().optional().describe("Whether a store on a network file system may be read."),
  warmup: z
    .array(z.string().min(1).max(100_000))
    .max(100)
    .optional()
    .describe("Queries that a new release runs before requests see it."),
  limits: readerLimitsSchema.optional().describe("Bounds of a reader's queries."),
});

/** `[stores.<id>.build]`: what `publish` runs when no command follows `--`. */
export const buildConfigSchema = z.strictObject({
  command: z
    .array(z.string().refine((text) => !text.includes("\0"), "must not hold a NUL character"))
    .min(1)
    .max(1_000)
    .refine((argv) => argv[0] !== "", "must begin with a program")
    .optional()
    .describe("Program and arguments; no shell. Runs in the folder of the configuration file."),
  timeout: duration(1_000, 7 * 24 * hourMs).describe("A longer build is stopped."),
});

/** `[stores.<id>]` with `kind = "release"`. */
export const releaseStoreConfigSchema = z.strictObject({
  kind: z.literal("release").describe("What kind of store this is."),
  dir: path.describe("Folder of the store."),
  layout: z.literal("slots").describe("How releases lie on disk."),
  basename: basename.optional().describe("Stem of the two data files, and the name the database is attached under."),
  fallback: fallback.optional().describe("Single DuckDB file that readers serve when there is no manifest."),
  space: z.literal("3x").optional().describe("How much disk a build may take, in sizes of the data."),
  reader: readerConfigSchema.optional().describe("How readers of the store behave."),
  build: buildConfigSchema.optional().describe("What `publish` runs."),
  checks: z.array(checkSchema).max(500).optional().describe("Rules that a build must pass before the switch."),
});

/** A whole `lockkeeper.toml`. */
export const configSchema = z.strictObject({
  format: z.literal(1).describe("Format of this file."),
  stores: z
    .record(z.string().regex(idPattern), releaseStoreConfigSchema)
    .default({})
    .describe("The stores, by id: lower-case letters, digits, `_` and `-`, at most 64."),
});

/** A valid `lockkeeper.toml`: keys as in the file, durations in milliseconds. */
export type Config = z.infer<typeof configSchema>;

/** A valid `[stores.<id>]`. */
export type ReleaseStoreConfig = z.infer<typeof releaseStoreConfigSchema>;

/** The variable that a value such as `env:DUCKDB_PATH` names, or `undefined` for a plain value. */
export function environmentName(value: string): string | undefined {
  return environmentPattern.exec(value)?.[1];
}

function duration(minMs: number, maxMs: number) {
  const rule = `must be a duration such as "250ms", "30s", "10m", "2h", from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  return z
    .string(rule)
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
      context.addIssue({ code: "custom", message: rule });
      return z.NEVER;
    })
    .optional();
}
