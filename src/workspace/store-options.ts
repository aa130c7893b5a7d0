import { resolve } from "node:path";
import type { ReleaseStoreConfig } from "../model/config.ts";
import type { ReaderOptions } from "../reader/options.ts";
import type { ReleaseStoreOptions } from "../release/open.ts";
import type { LoadedConfig } from "./config-file.ts";
import { fallbackPath } from "./fallback.ts";

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
  return {
    dir: resolve(folder, settings.dir),
    basename: settings.basename,
    fallback: fallbackPath({ configured: settings.fallback, folder, onlyStore, environment: process.env }),
    freshness: reader.freshness,
    drainTimeoutMs: reader.drain_timeout,
    fallbackIdleMs: reader.fallback_idle,
    keptIdleMs: reader.kept_idle,
    pollMs: reader.poll,
    waitMs: reader.wait,
    allowNetworkFs: reader.allow_network_fs,
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

/** The same with bounds beside its own; the narrower counts. */
export function withinLimits(options: ReaderOptions, { timeMs }: { readonly timeMs?: number | undefined } = {}): ReaderOptions {
  if (timeMs === undefined) return options;
  return { ...options, limits: { ...options.limits, timeMs: Math.min(options.limits?.timeMs ?? timeMs, timeMs) } };
}
