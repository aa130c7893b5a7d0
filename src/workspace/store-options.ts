import { resolve } from "node:path";
import type { ParquetArtifact } from "../model/artifact.ts";
import type { ReleaseStoreConfig } from "../model/config.ts";
import type { ReaderOptions } from "../reader/options.ts";
import type { ReleaseStoreOptions } from "../release/open.ts";
import type { LoadedConfig } from "./config-file.ts";
import { fallbackPath, type FallbackKind } from "./fallback.ts";

/** A store of the configuration, under its id. */
export interface NamedStore {
  readonly name: string;
  readonly settings: ReleaseStoreConfig;
}

/** A configured store as the publish side takes it. */
export function releaseStoreOptions({ folder }: LoadedConfig, { name, settings }: NamedStore): ReleaseStoreOptions {
  return {
    name,
    dir: resolve(folder, settings.dir),
    layout: settings.layout,
    basename: settings.basename,
    artifacts: settings.artifacts,
    checks: settings.checks,
    space: settings.space,
    retention: { keep: settings.retention?.keep, withinMs: settings.retention?.within },
  };
}

/** A configured store as a reader takes it; what the file leaves out keeps the reader's default. */
export function readerOptions({ folder, config }: LoadedConfig, { settings }: NamedStore): ReaderOptions {
  const reader = settings.reader ?? {};
  const onlyStore = Object.keys(config.stores).length === 1;
  const { limits } = reader;
  const fallbackOf = (kind: FallbackKind, configured: string | undefined) =>
    fallbackPath({ kind, configured, folder, onlyStore, environment: process.env });
  const parquetDir = fallbackOf("parquet", settings.fallback_parquet);
  return {
    dir: resolve(folder, settings.dir),
    basename: settings.basename,
    fallback: fallbackOf("file", settings.fallback),
    fallbackParquet: parquetDir === undefined ? undefined : { dir: parquetDir, artifacts: parquetArtifacts(settings) },
    freshness: reader.freshness,
    drainTimeoutMs: reader.drain_timeout,
    fallbackIdleMs: reader.fallback_idle,
    keptIdleMs: reader.kept_idle,
    pollMs: reader.poll,
    waitMs: reader.wait,
    allowNetworkFs: reader.allow_network_fs,
    verify: reader.verify,
    warmup: reader.warmup,
    limits: limits && {
      concurrency: limits.concurrency,
      rows: limits.rows,
      timeMs: limits.time,
      bytes: limits.bytes,
      memory: limits.memory,
      threads: limits.threads,
      releases: limits.releases,
    },
  };
}

/** How the Parquet files of a store lie; `undefined` where it has none, and what lies there tells. */
function parquetArtifacts({ artifacts = [] }: ReleaseStoreConfig): ParquetArtifact[] | undefined {
  const found = artifacts.filter((artifact): artifact is ParquetArtifact => artifact.kind === "parquet");
  return found.length === 0 ? undefined : found;
}

/** The same with bounds beside its own; the narrower counts. */
export function withinLimits(options: ReaderOptions, { timeMs }: { readonly timeMs?: number | undefined } = {}): ReaderOptions {
  if (timeMs === undefined) return options;
  return { ...options, limits: { ...options.limits, timeMs: Math.min(options.limits?.timeMs ?? timeMs, timeMs) } };
}
