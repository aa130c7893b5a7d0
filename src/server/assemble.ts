import type { ServeSettings } from "../model/serve-config.ts";
import type { Platform } from "../platform/port.ts";
import type { Workspace } from "../workspace/api.ts";
import { AlarmWatch } from "./alarms/watch.ts";
import { AnswerCache } from "./cache.ts";
import type { ServerContext } from "./context.ts";
import { Datasets } from "./datasets/datasets.ts";
import { RefreshJobs } from "./datasets/jobs.ts";
import type { Drain } from "./drain.ts";
import { EventHub } from "./events/hub.ts";
import { Gate } from "./gate.ts";
import { primeAnswers } from "./prime.ts";
import { NamedQueries } from "./queries.ts";
import type { ServerLog } from "./server.ts";
import { ServedStores, type ReaderSource, type StoreHooks } from "./stores.ts";
import { Catalogues } from "./tables/catalogue.ts";

/** What a context is put together from. */
export interface ContextParts {
  readonly settings: ServeSettings;
  readonly platform: Platform;
  readonly log: ServerLog;
  readonly drain: Drain;
}

/** Everything that routes answer with, over readers that are opened when they are first asked for. */
export function assembleContext(workspace: Workspace, { settings, platform, log, drain }: ContextParts): ServerContext {
  const { clock } = platform;
  const { limits, cacheBytes, defaultStore } = settings;
  const warn = (store: string, message: string) => log.warn({ store }, message);
  const kept = {
    clock,
    cache: new AnswerCache(cacheBytes),
    queries: new NamedQueries(workspace),
    limits: { rowsMax: limits.rows, bytesMax: limits.bytes, timeMs: limits.timeMs, bodyBytesMax: limits.bodyBytes },
  };
  const hooks: StoreHooks = {
    warn,
    prime: (store, release) => primeAnswers(kept, { store, release, warn: (message) => warn(store, message) }),
  };
  const stores = new ServedStores(bounded(workspace, limits), clock, hooks);
  const catalogues = new Catalogues();
  const events = new EventHub(workspace, { clock, connectionsMax: limits.eventStreams, warn });
  const freshRules = (store: string) => workspace.configuredChecks(store).filter((check) => check.check === "fresh");
  return {
    ...kept,
    ...gates(settings, platform),
    workspace,
    stores,
    catalogues,
    datasets: new Datasets({ workspace, stores, catalogues }),
    events,
    alarms: new AlarmWatch({
      stores,
      clock,
      catalogues,
      limits: settings.alarms,
      freshRules,
      log,
      tell: (store, event) => events.tell(store, { ...event }),
    }),
    jobs: new RefreshJobs({ workspace, clock, newId: () => platform.random(6) }),
    settings,
    defaultStore,
    draining: drain.draining,
    onDrain: drain.onDrain,
  };
}

function gates({ limits }: ServeSettings, { clock }: Platform): Pick<ServerContext, "gate" | "streamGate"> {
  const { concurrency, queue: queueMax, queueWaitMs } = limits;
  // Streams last as long as their receivers take: with half of the places they leave the other half to quick answers.
  const streams = Math.max(1, Math.floor(concurrency / 2));
  return {
    gate: new Gate({ concurrency, queueMax, queueWaitMs }, clock),
    streamGate: new Gate({ concurrency: streams, queueMax, queueWaitMs }, clock),
  };
}

/** The readers of a workspace, no query of which runs longer than the server lets it. */
function bounded(workspace: Workspace, { timeMs }: ServeSettings["limits"]): ReaderSource {
  const limits = { timeMs };
  return { stores: workspace.stores, openReader: (store, options) => workspace.openReader(store, { ...options, limits }) };
}
