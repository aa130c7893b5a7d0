import { resolve } from "node:path";
import { z } from "zod";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { parquetArtifactSchema, type ParquetArtifact } from "../model/artifact.ts";
import { assertBasename } from "../model/names.ts";
import type { ParquetPlace } from "./fallback/parquet-files.ts";
import type { BorrowedRelease } from "./reader.ts";

const milliseconds = z
  .number()
  .min(0)
  .max(2 ** 31 - 1);
const count = z.int().min(1);

const limitsSchema = z.strictObject({
  concurrency: count.max(1024).optional(),
  rows: count.optional(),
  timeMs: milliseconds.min(1).optional(),
  bytes: count.optional(),
  memory: z.string().min(1).optional(),
  threads: count.max(1024).optional(),
  releases: count.max(16).optional(),
});

const optionsSchema = z.strictObject({
  dir: z.string().min(1),
  basename: z.string().optional(),
  fallback: z.string().min(1).optional(),
  fallbackParquet: z
    .union([
      z.string().min(1),
      z.strictObject({ dir: z.string().min(1), artifacts: z.array(parquetArtifactSchema).readonly().optional() }),
    ])
    .optional(),
  freshness: z.enum(["strict", "eventual"]).default("strict"),
  drainTimeoutMs: milliseconds.default(30_000),
  pollMs: milliseconds.min(1).default(1000),
  waitMs: milliseconds.default(5000),
  fallbackIdleMs: milliseconds.default(1000),
  keptIdleMs: milliseconds.default(10_000),
  allowNetworkFs: z.boolean().default(false),
  warmup: z.array(z.string().min(1)).default([]),
  verify: z.enum(["size", "sha256"]).default("size"),
  prime: z.custom<PrimeRelease>((value) => typeof value === "function", "must be a function").optional(),
  limits: limitsSchema.default({}),
});

/** Makes a release's first answers quick, before it serves. */
export type PrimeRelease = (release: BorrowedRelease) => Promise<void>;

/** Bounds of a reader's queries. A query may ask for less, never for more. */
export interface ReaderLimits {
  /** Queries at a time; more wait in order. Default: what the engine's thread pool can carry. */
  readonly concurrency?: number | undefined;
  /** Rows of one result; more throw `LIMIT_ROWS`. Default 1,000,000. */
  readonly rows?: number | undefined;
  /** Milliseconds of one query; longer throws `LIMIT_TIME`. Default 300,000. */
  readonly timeMs?: number | undefined;
  /**
   * Bytes of the values of one result, estimated as they are converted: 8 each, and the length of strings. More throws `LIMIT_BYTES`; streams hold no result and have no
   * such limit. Default 268,435,456 (256 MiB): half of the longest string that Node makes, so that a result can still be written as one text.
   */
  readonly bytes?: number | undefined;
  /** Memory for an instance, in the engine's words, for example `2GB`. Default: the engine's own. */
  readonly memory?: string | undefined;
  /** Threads of an instance. Default: the engine's own. */
  readonly threads?: number | undefined;
  /** Releases, asked for by name, that are open at a time beside the active one; requests for more wait. Default 3, at most 16. */
  readonly releases?: number | undefined;
}

/** How a release store is read. */
export interface ReaderOptions {
  /** The store's folder: where `db_manifest.json` lies. */
  readonly dir: string;
  /** Stem of the data files where the manifest is not ours. Default: the manifest's, else the only `<stem>_a.duckdb` or `<stem>_b.duckdb` in the folder. */
  readonly basename?: string | undefined;
  /** The single file that serves where there is no usable manifest. */
  readonly fallback?: string | undefined;
  /**
   * A folder of Parquet tables that serves there, before the single file: `<table>.parquet`, and `key=value` folders, of schema `main` at its top, of a schema of their folder's name below it;
   * with `artifacts`, as a store's Parquet artifacts lie in a build.
   */
  readonly fallbackParquet?:
    | string
    | { readonly dir: string; readonly artifacts?: readonly ParquetArtifact[] | undefined }
    | undefined;
  /**
   * `strict` (default): a request that sees a new release waits for it, at most `waitMs`, and is then served the last good
   * one. `eventual`: it is served the old one while the new one opens.
   */
  readonly freshness?: "strict" | "eventual" | undefined;
  /** How long requests may finish on a release that was replaced before they are interrupted. Default 30,000. */
  readonly drainTimeoutMs?: number | undefined;
  /** How often a reader without requests looks at the manifest. Default 1000, minimum 1. */
  readonly pollMs?: number | undefined;
  /** The longest that a request waits for a release. Default 5000. */
  readonly waitMs?: number | undefined;
  /** How long the fallback file stays open after its last request. Default 1000. */
  readonly fallbackIdleMs?: number | undefined;
  /** How long a release that was asked for by name stays open, and so is not pruned, after its last request. Default 10,000. */
  readonly keptIdleMs?: number | undefined;
  /** Read from a network file system, where pins cannot be trusted. Default false. */
  readonly allowNetworkFs?: boolean | undefined;
  /**
   * What of a release's files is compared with its record before it serves: their `size` (default), or their `sha256`, for which each is read whole, about a second a gigabyte. A release
   * that differs does not serve, and the last good one does. A flipped bit in a Parquet file is found by its hash alone.
   */
  readonly verify?: "size" | "sha256" | undefined;
  /** Statements to run on each release before it serves; one that fails keeps the release from serving. */
  readonly warmup?: readonly string[] | undefined;
  /** Called with each release after `warmup`, before it serves: no request sees it earlier. What it throws is a warning, and the release serves all the same. */
  readonly prime?: PrimeRelease | undefined;
  readonly limits?: ReaderLimits | undefined;
}

/** `ReaderOptions` checked, with every default in place and absolute paths. */
export interface ReaderSettings {
  readonly dir: string;
  readonly basename: string | undefined;
  readonly fallback: string | undefined;
  readonly fallbackParquet: ParquetPlace | undefined;
  readonly freshness: "strict" | "eventual";
  readonly drainTimeoutMs: number;
  readonly pollMs: number;
  readonly waitMs: number;
  readonly fallbackIdleMs: number;
  readonly keptIdleMs: number;
  readonly allowNetworkFs: boolean;
  readonly warmup: readonly string[];
  readonly verify: "size" | "sha256";
  readonly prime: PrimeRelease | undefined;
  readonly concurrency: number;
  readonly rowsMax: number;
  readonly timeMaxMs: number;
  readonly bytesMax: number;
  readonly keptMax: number;
  /** The engine's own settings. */
  readonly engine: Readonly<Record<string, string>>;
}

/** Throws `USAGE` that names the option, or `CONFIG_INVALID` for a basename that cannot be used. */
export function readerSettings(options: ReaderOptions, defaultConcurrency: number): ReaderSettings {
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success) throw usage(parsed.error);
  const { limits, dir, fallback, fallbackParquet, basename, prime, ...rest } = parsed.data;
  if (basename !== undefined) assertBasename(basename);
  return Object.freeze({
    ...rest,
    prime,
    basename,
    dir: resolve(dir),
    fallback: fallback === undefined ? undefined : resolve(fallback),
    fallbackParquet: fallbackParquet === undefined ? undefined : placeOf(fallbackParquet),
    concurrency: limits.concurrency ?? defaultConcurrency,
    rowsMax: limits.rows ?? 1_000_000,
    timeMaxMs: limits.timeMs ?? 300_000,
    bytesMax: limits.bytes ?? 2 ** 28,
    keptMax: limits.releases ?? 3,
    engine: Object.freeze({
      ...(limits.memory !== undefined && { memory_limit: limits.memory }),
      ...(limits.threads !== undefined && { threads: String(limits.threads) }),
    }),
  });
}

function placeOf(fallback: NonNullable<ReaderOptions["fallbackParquet"]>): ParquetPlace {
  const { dir, artifacts } = typeof fallback === "string" ? { dir: fallback, artifacts: undefined } : fallback;
  return { dir: resolve(dir), artifacts };
}

function usage(error: z.ZodError): LockkeeperError {
  const issue = error.issues[0];
  const keys = issue?.code === "unrecognized_keys" ? issue.keys : [];
  const option = [...(issue?.path ?? []), ...keys.slice(0, 1)].join(".");
  const what = keys.length > 0 ? "is not an option" : (issue?.message ?? "is malformed");
  return new LockkeeperError("USAGE", `openReader: ${option === "" ? "the options" : `"${option}"`}: ${what}`, {
    hint: `Options are ${Object.keys(optionsSchema.shape).join(", ")}.`,
    ...(option !== "" && { subject: option }),
  });
}
