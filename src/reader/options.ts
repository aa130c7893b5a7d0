import { resolve } from "node:path";
import { z } from "zod";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { assertBasename } from "../model/names.ts";

const milliseconds = z
  .number()
  .min(0)
  .max(2 ** 31 - 1);
const count = z.int().min(1);

const limitsSchema = z.strictObject({
  concurrency: count.max(1024).optional(),
  rows: count.optional(),
  timeMs: milliseconds.min(1).optional(),
  memory: z.string().min(1).optional(),
  threads: count.max(1024).optional(),
});

const optionsSchema = z.strictObject({
  dir: z.string().min(1),
  basename: z.string().optional(),
  fallback: z.string().min(1).optional(),
  freshness: z.enum(["strict", "eventual"]).default("strict"),
  drainTimeoutMs: milliseconds.default(30_000),
  pollMs: milliseconds.min(1).default(1000),
  waitMs: milliseconds.default(5000),
  fallbackIdleMs: milliseconds.default(1000),
  allowNetworkFs: z.boolean().default(false),
  warmup: z.array(z.string().min(1)).default([]),
  limits: limitsSchema.default({}),
});

/** Bounds of a reader's queries. A query may ask for less, never for more. */
export interface ReaderLimits {
  /** Queries at a time; more wait in order. Default: what the engine's thread pool can carry. */
  readonly concurrency?: number | undefined;
  /** Rows of one result; more throw `LIMIT_ROWS`. Default 1,000,000. */
  readonly rows?: number | undefined;
  /** Milliseconds of one query; longer throws `LIMIT_TIME`. Default 300,000. */
  readonly timeMs?: number | undefined;
  /** Memory for an instance, in the engine's words, for example `2GB`. Default: the engine's own. */
  readonly memory?: string | undefined;
  /** Threads of an instance. Default: the engine's own. */
  readonly threads?: number | undefined;
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
  /** Read from a network file system, where pins cannot be trusted. Default false. */
  readonly allowNetworkFs?: boolean | undefined;
  /** Statements to run on each release before it serves; one that fails keeps the release from serving. */
  readonly warmup?: readonly string[] | undefined;
  readonly limits?: ReaderLimits | undefined;
}

/** `ReaderOptions` checked, with every default in place and absolute paths. */
export interface ReaderSettings {
  readonly dir: string;
  readonly basename: string | undefined;
  readonly fallback: string | undefined;
  readonly freshness: "strict" | "eventual";
  readonly drainTimeoutMs: number;
  readonly pollMs: number;
  readonly waitMs: number;
  readonly fallbackIdleMs: number;
  readonly allowNetworkFs: boolean;
  readonly warmup: readonly string[];
  readonly concurrency: number;
  readonly rowsMax: number;
  readonly timeMaxMs: number;
  /** The engine's own settings. */
  readonly engine: Readonly<Record<string, string>>;
}

/** Throws `USAGE` that names the option, or `CONFIG_INVALID` for a basename that cannot be used. */
export function readerSettings(options: ReaderOptions, defaultConcurrency: number): ReaderSettings {
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success) throw usage(parsed.error);
  const { limits, dir, fallback, basename, ...rest } = parsed.data;
  if (basename !== undefined) assertBasename(basename);
  return Object.freeze({
    ...rest,
    basename,
    dir: resolve(dir),
    fallback: fallback === undefined ? undefined : resolve(fallback),
    concurrency: limits.concurrency ?? defaultConcurrency,
    rowsMax: limits.rows ?? 1_000_000,
    timeMaxMs: limits.timeMs ?? 300_000,
    engine: Object.freeze({
      ...(limits.memory !== undefined && { memory_limit: limits.memory }),
      ...(limits.threads !== undefined && { threads: String(limits.threads) }),
    }),
  });
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
