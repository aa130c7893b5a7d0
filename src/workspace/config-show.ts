import { resolve } from "node:path";
import { defaultConcurrency } from "../engine/duckdb/engine.ts";
import type { Check } from "../model/check.ts";
import { sqlTimeDefaultMs } from "../model/check-shapes.ts";
import { configSchema, type Config, type ReleaseStoreConfig } from "../model/config.ts";
import { viewOf, type View } from "../model/config-view.ts";
import { listenDefault, serveSettings, type ServeConfig } from "../model/serve-config.ts";
import { readerSettings } from "../reader/options.ts";
import { openReleaseStore } from "../release/open.ts";
import { locateConfig, readConfig, type ConfigLocation, type FoundConfig, type LoadedConfig } from "./config-file.ts";
import { fallbackVariables } from "./fallback.ts";
import { settingsOf } from "./settings.ts";
import { readerOptions, releaseStoreOptions, type NamedStore } from "./store-options.ts";
import { webhookEventsDefault } from "./webhooks.ts";
import { releaseTools } from "./wiring.ts";

/** A configuration as it is carried out. */
export interface ShownConfig extends Pick<FoundConfig, "path" | "namedBy"> {
  readonly view: View;
}

/**
 * The configuration as it is carried out: defaults filled in, paths absolute, secrets left out. With `store`, that store alone. Touches no store. Throws what
 * `loadConfig` throws, and `STORE_UNKNOWN`.
 */
export async function showConfig(location: ConfigLocation, store?: string): Promise<ShownConfig> {
  const found = await locateConfig(location);
  const loaded = await readConfig(found.path, found.text);
  const context = { absolute: (path: string) => resolve(loaded.folder, path), environment: process.env };
  return { path: found.path, namedBy: found.namedBy, view: viewOf(carriedOut(loaded, store), configSchema, context) };
}

/** The configuration with what it leaves out; keys that this function does not know stay as they are. */
function carriedOut(loaded: LoadedConfig, only: string | undefined): Partial<Config> {
  const { stores, ...rest } = loaded.config;
  const names = only === undefined ? Object.keys(stores) : [only];
  const shown = names.map((name) => [name, storeCarriedOut(loaded, { name, settings: settingsOf(loaded, name) })] as const);
  if (only !== undefined) return { format: rest.format, stores: Object.fromEntries(shown) };
  return { ...rest, ...(rest.serve && { serve: serveCarriedOut(loaded.config, rest.serve) }), stores: Object.fromEntries(shown) };
}

function serveCarriedOut(config: Config, configured: ServeConfig): ServeConfig {
  const { defaultStore, hosts, cacheBytes, drainTimeoutMs, limits, alarms, log } = serveSettings(config);
  return {
    ...configured,
    listen: configured.listen ?? listenDefault,
    ...(defaultStore !== undefined && { default_store: defaultStore }),
    hosts: [...hosts],
    cache: cacheBytes,
    drain_timeout: drainTimeoutMs,
    limits: {
      ...configured.limits,
      concurrency: limits.concurrency,
      queue: limits.queue,
      queue_wait: limits.queueWaitMs,
      rows: limits.rows,
      time: limits.timeMs,
      bytes: limits.bytes,
      body: limits.bodyBytes,
      url: limits.urlBytes,
      event_streams: limits.eventStreams,
    },
    alarms: { ...configured.alarms, behind: alarms.behindMs, failing: alarms.failing, draining: alarms.drainingMs },
    log,
  };
}

function storeCarriedOut(loaded: LoadedConfig, named: NamedStore): ReleaseStoreConfig {
  const { settings } = named;
  const { retention, space } = openReleaseStore(releaseStoreOptions(loaded, named), releaseTools());
  const onlyStore = Object.keys(loaded.config.stores).length === 1;
  return {
    ...settings,
    ...(settings.fallback === undefined && onlyStore && { fallback: `env:${fallbackVariables.file}` }),
    ...(settings.fallback_parquet === undefined && onlyStore && { fallback_parquet: `env:${fallbackVariables.parquet}` }),
    ...(settings.layout === "slots" && { space }),
    ...(settings.layout === "releases" && {
      retention: { ...settings.retention, keep: retention.keep, within: retention.withinMs },
    }),
    reader: readerCarriedOut(loaded, named),
    ...(settings.webhooks && {
      webhooks: settings.webhooks.map((webhook) => ({ ...webhook, events: webhook.events ?? [...webhookEventsDefault] })),
    }),
    ...(settings.checks && { checks: settings.checks.map(checkCarriedOut) }),
  };
}

function readerCarriedOut(loaded: LoadedConfig, named: NamedStore): ReleaseStoreConfig["reader"] {
  const reader = readerSettings(
    { ...readerOptions(loaded, named), fallback: undefined, fallbackParquet: undefined },
    defaultConcurrency(),
  );
  const configured = named.settings.reader ?? {};
  return {
    ...configured,
    freshness: reader.freshness,
    drain_timeout: reader.drainTimeoutMs,
    fallback_idle: reader.fallbackIdleMs,
    kept_idle: reader.keptIdleMs,
    poll: reader.pollMs,
    wait: reader.waitMs,
    allow_network_fs: reader.allowNetworkFs,
    verify: reader.verify,
    warmup: [...reader.warmup],
    limits: {
      ...configured.limits,
      concurrency: reader.concurrency,
      rows: reader.rowsMax,
      time: reader.timeMaxMs,
      releases: reader.keptMax,
    },
  };
}

function checkCarriedOut(check: Check): Check {
  if (check.check !== "sql") return check;
  const timeout = check.timeout ?? sqlTimeDefaultMs;
  // The text of a file is the file's, which is named.
  return check.file === undefined ? { ...check, timeout } : { ...check, query: undefined, timeout };
}
