import { z } from "zod";
import type { TokenConfig } from "./access-token.ts";
import { bytesSchema } from "./bytes.ts";
import { durationSchema, hourMs } from "./duration.ts";
import { environmentName } from "./environment.ts";
import { isHostHeader, originOf, parseListen, type ListenAddress } from "./listen.ts";
import { idPattern } from "./names.ts";
import { didYouMean } from "./nearest.ts";

/** How much the server writes to its log, most first. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;

/** What the dataset API answers where there is no data. */
export const unavailableAnswers = ["empty", "503"] as const;

/** Where the server listens that is told nothing. */
export const listenDefault = "127.0.0.1:4600";

const gigabyte = 1_000_000_000;

const listenRule = 'must be a host and a port, such as "127.0.0.1:4600" or "[::1]:4600"';

/** `[serve] limits`: bounds of what the server does for all who ask. */
export const serveLimitsSchema = z.strictObject({
  concurrency: z.int().min(1).max(1_024).optional().describe("Requests for data at a time; more wait in order."),
  queue: z.int().min(0).max(100_000).optional().describe("Requests that wait; more are turned away."),
  queue_wait: duration(0, hourMs).describe("How long one of them waits."),
  rows: z.int().min(1).max(Number.MAX_SAFE_INTEGER).optional().describe("Rows of one answer."),
  time: duration(1, 24 * hourMs).describe("How long one query may run."),
  bytes: bytes(1_000, 100 * gigabyte).describe("Size of one answer."),
  body: bytes(0, gigabyte).describe("Size of a request's body."),
  url: bytes(256, 64_000).describe("Size of a request's address."),
  event_streams: z.int().min(0).max(100_000).optional().describe("Streams of events at a time."),
});

/** `[serve] alarms`: from when on the server's health is not good. */
export const serveAlarmsSchema = z.strictObject({
  behind: duration(1_000, 168 * hourMs).describe("How long what is served may differ from what is published."),
  failing: z.int().min(1).max(1_000_000).optional().describe("Failed openings of a release in a row."),
  draining: duration(1_000, 168 * hourMs).describe("How long a replaced release may drain."),
});

/** `[serve]`: the HTTP server. What is left out has a default, see `serveSettings`. */
export const serveConfigSchema = z.strictObject({
  listen: z
    .string(listenRule)
    .refine((text) => parseListen(text) !== undefined, listenRule)
    .optional()
    .describe("Where it listens, host and port. Port 0: any that is free."),
  default_store: z
    .string()
    .regex(idPattern, "must be a store's id")
    .optional()
    .describe("The store that addresses without one mean. Default: the only store."),
  hosts: z
    .array(z.string().refine(isHostHeader, 'must be a host, or a host and a port, such as "analytics.example.com"'))
    .max(100)
    .optional()
    .describe("Host headers that are answered beside the address it listens on."),
  cache: bytes(0, 1_000 * gigabyte).describe("Size of the answers that are kept; `0MB` keeps none."),
  drain_timeout: duration(0, 24 * hourMs).describe("How long requests may run on after SIGTERM."),
  limits: serveLimitsSchema.optional().describe("Bounds of what it does for all who ask."),
  unavailable: z
    .enum(unavailableAnswers)
    .optional()
    .describe("What the dataset API answers where there is no data: 200 without rows (`empty`), or 503."),
  alarms: serveAlarmsSchema.optional().describe("From when on its health is not good."),
  log: z.enum(logLevels).optional().describe("How much it logs."),
});

/** A valid `[serve]`: keys as in the file, durations in milliseconds, sizes in bytes. */
export type ServeConfig = z.infer<typeof serveConfigSchema>;

/** `[serve]` with every default in place. Frozen. */
export interface ServeSettings {
  readonly listen: ListenAddress;
  /** `http://127.0.0.1:4600`: where others ask, if the file says so; `undefined` for any port and for all addresses of the machine. */
  readonly origin: string | undefined;
  /** The store that addresses without one mean; `undefined` where the file has several and names none, or has none. */
  readonly defaultStore: string | undefined;
  /** Host headers in lower case, as configured: `analytics.example.com`, `analytics.example.com:8443`. */
  readonly hosts: readonly string[];
  /** 0: nothing is kept. */
  readonly cacheBytes: number;
  readonly drainTimeoutMs: number;
  readonly limits: ServeLimits;
  readonly unavailable: (typeof unavailableAnswers)[number];
  readonly alarms: ServeAlarms;
  readonly log: (typeof logLevels)[number];
}

/** Bounds of what the server does for all who ask. */
export interface ServeLimits {
  readonly concurrency: number;
  readonly queue: number;
  readonly queueWaitMs: number;
  readonly rows: number;
  readonly timeMs: number;
  /** Of one answer. */
  readonly bytes: number;
  readonly bodyBytes: number;
  readonly urlBytes: number;
  readonly eventStreams: number;
}

/** From when on the server's health is not good. */
export interface ServeAlarms {
  readonly behindMs: number;
  readonly failing: number;
  readonly drainingMs: number;
}

/** What the server's part needs of a whole configuration. */
export interface ServedConfig {
  readonly serve?: ServeConfig | undefined;
  readonly tokens?: readonly TokenConfig[] | undefined;
  readonly stores: Readonly<Record<string, unknown>>;
}

/** The server's settings, with the defaults that docs/configuration.md tells. */
export function serveSettings({ serve = {}, stores }: Omit<ServedConfig, "tokens">): ServeSettings {
  const ids = Object.keys(stores);
  const listen = Object.freeze(parseListen(serve.listen ?? listenDefault) ?? { host: "127.0.0.1", port: 4_600 });
  return Object.freeze({
    listen,
    origin: serve.listen === undefined ? undefined : originOf(listen),
    defaultStore: serve.default_store ?? (ids.length === 1 ? ids[0] : undefined),
    hosts: Object.freeze((serve.hosts ?? []).map((host) => host.toLowerCase())),
    cacheBytes: serve.cache ?? 64_000_000,
    drainTimeoutMs: serve.drain_timeout ?? 30_000,
    limits: limitsOf(serve.limits),
    unavailable: serve.unavailable ?? "empty",
    alarms: alarmsOf(serve.alarms),
    log: serve.log ?? "info",
  });
}

function limitsOf(limits: z.infer<typeof serveLimitsSchema> = {}): ServeLimits {
  return Object.freeze({
    concurrency: limits.concurrency ?? 8,
    queue: limits.queue ?? 64,
    queueWaitMs: limits.queue_wait ?? 5_000,
    rows: limits.rows ?? 100_000,
    timeMs: limits.time ?? 30_000,
    bytes: limits.bytes ?? 64_000_000,
    bodyBytes: limits.body ?? 64_000,
    urlBytes: limits.url ?? 8_000,
    eventStreams: limits.event_streams ?? 256,
  });
}

function alarmsOf(alarms: z.infer<typeof serveAlarmsSchema> = {}): ServeAlarms {
  return Object.freeze({
    behindMs: alarms.behind ?? 60_000,
    failing: alarms.failing ?? 3,
    drainingMs: alarms.draining ?? 120_000,
  });
}

/** A fault that shows only when several keys are seen together: where, and what completes "<key> …". */
export interface ServeFault {
  readonly path: readonly (string | number)[];
  readonly rest: string;
}

/** Faults of valid parts that do not fit together: stores that are not there, tokens that are there twice. No text holds a hash. */
export function serveFaults({ serve, tokens = [], stores }: ServedConfig): ServeFault[] {
  const faults: ServeFault[] = [];
  const unknown = (path: ServeFault["path"], store: string) => {
    if (Object.hasOwn(stores, store)) return;
    const known = Object.keys(stores);
    const which = known.length === 0 ? "; the file has none" : `; the file has ${known.join(", ")}`;
    faults.push({ path, rest: `is "${store}", which is no store of the file${didYouMean(store, known) || which}` });
  };
  if (serve?.default_store !== undefined) unknown(["serve", "default_store"], serve.default_store);
  const names = new Map<string, number>();
  const hashes = new Map<string, number>();
  for (const [index, token] of tokens.entries()) {
    for (const [place, store] of (token.stores ?? []).entries()) unknown(["tokens", index, "stores", place], store);
    const sameName = firstOf(names, token.name, index);
    if (sameName !== undefined)
      faults.push({
        path: ["tokens", index, "name"],
        rest: `is "${token.name}", the name of tokens[${sameName}]; each has its own`,
      });
    const hash = environmentName(token.sha256) === undefined ? token.sha256.trim().toLowerCase() : token.sha256;
    const sameHash = firstOf(hashes, hash, index);
    if (sameHash !== undefined)
      faults.push({ path: ["tokens", index, "sha256"], rest: `is that of tokens[${sameHash}]; give each its own token` });
  }
  return faults;
}

/** The index under which a value was seen before, if it was. */
function firstOf(seen: Map<string, number>, value: string, index: number): number | undefined {
  const first = seen.get(value);
  if (first === undefined) seen.set(value, index);
  return first;
}

function duration(minMs: number, maxMs: number) {
  return durationSchema(minMs, maxMs).optional();
}

function bytes(min: number, max: number) {
  return bytesSchema(min, max).optional();
}
