import type { Hono } from "hono";
import { firstLine } from "../errors/lockkeeper-error.ts";
import { isLoopback, type ListenAddress } from "../model/listen.ts";
import type { ServeSettings } from "../model/serve-config.ts";
import { nodePlatform } from "../platform/node.ts";
import { packageVersion } from "../platform/package-version.ts";
import type { Platform } from "../platform/port.ts";
import type { Workspace } from "../workspace/api.ts";
import { createApp, type Answered } from "./app.ts";
import { assembleContext } from "./assemble.ts";
import type { ServerContext } from "./context.ts";
import { createDrain } from "./drain.ts";
import type { HostRule } from "./host.ts";
import { requestIds } from "./request-id.ts";
import type { RequestVariables, Route } from "./route.ts";
import { ServerMetrics } from "./metrics/metrics.ts";
import { RequestFigures } from "./metrics/requests.ts";
import { datasetFreshnessRoutes } from "./routes/dataset-freshness.ts";
import { datasetRowsRoute } from "./routes/dataset-rows.ts";
import { datasetRoutes } from "./routes/datasets.ts";
import { eventRoutes } from "./routes/events.ts";
import { freshnessRoutes } from "./routes/freshness.ts";
import { healthRoutes } from "./routes/health.ts";
import { metricsRoute } from "./routes/metrics.ts";
import { openApiRoute } from "./routes/openapi.ts";
import { queryRoutes } from "./routes/queries.ts";
import { refreshRoutes } from "./routes/refresh.ts";
import { releaseRoutes } from "./routes/releases.ts";
import { rollbackRoutes } from "./routes/rollback.ts";
import { storeRoutes } from "./routes/stores.ts";
import { tableRoutes } from "./routes/tables.ts";

/** Takes what people who run the server should know, one line each. */
export interface ServerLog {
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
}

/** How a server is put together. */
export interface ServerOptions {
  readonly platform?: Platform;
  readonly log: ServerLog;
  /** Whether it answers under names of its own, and so looks at `Host`. False for routes in another app. */
  readonly standalone: boolean;
  /** Where it will listen, and so under which names it answers. Default: `serve.listen`. */
  readonly listen?: ListenAddress | undefined;
}

/** A server without a socket. */
export interface Server {
  readonly app: Hono<{ Variables: RequestVariables }>;
  readonly context: ServerContext;
  readonly routes: readonly Route[];
  /** From now on the server is about to end: `/readyz` says so, and what has no end of its own ends. */
  beginDrain(): void;
  /** Ends the streams of events and closes the readers. The workspace stays open. */
  close(): Promise<void>;
}

/** The server of a workspace: its routes, over readers that are opened when they are first asked for. */
export function createServer(workspace: Workspace, options: ServerOptions): Server {
  const platform = options.platform ?? nodePlatform();
  const settings = workspace.serveSettings();
  const drain = createDrain();
  const context = assembleContext(workspace, { settings, platform, log: options.log, drain });
  // Streams of events have no end of their own.
  drain.onDrain(() => void context.events.close());
  const requests = new RequestFigures();
  const metrics = new ServerMetrics(context, { requests, log: options.log });
  const listed = [...routesOf(context), metricsRoute(context, metrics)];
  const routes = [...listed, openApiRoute(listed, packageVersion())];
  const { usable, problems } = workspace.tokens();
  for (const problem of problems) options.log.error({}, problem);
  const app = createApp(routes, {
    tokens: { known: usable, required: usable.length + problems.length > 0 },
    hostRule: options.standalone ? hostRuleOf(settings, options.listen) : undefined,
    urlBytesMax: settings.limits.urlBytes,
    requestId: requestIds(platform),
    monotonicMs: () => platform.clock.monotonicMs(),
    onArrived: () => requests.arrived(),
    onAnswered: (answered) => {
      requests.answered(answered);
      logAnswer(options.log, answered);
    },
  });
  context.alarms.start();
  return { app, context, routes, beginDrain: drain.begin, close: () => close(context) };
}

function routesOf(context: ServerContext): Route[] {
  return [
    ...storeRoutes(context),
    ...releaseRoutes(context),
    ...tableRoutes(context),
    ...queryRoutes(context),
    ...freshnessRoutes(context),
    ...datasetRoutes(context),
    datasetRowsRoute(context),
    ...datasetFreshnessRoutes(context),
    ...refreshRoutes(context),
    ...eventRoutes(context),
    ...rollbackRoutes(context),
    ...healthRoutes(context),
  ];
}

async function close({ alarms, events, jobs, stores }: ServerContext): Promise<void> {
  alarms.stop();
  await jobs.close();
  await events.close();
  await stores.close();
}

function hostRuleOf({ listen: configured, hosts }: ServeSettings, listen = configured): HostRule {
  return { loopback: isLoopback(listen.host), host: listen.host, hosts };
}

function logAnswer(log: ServerLog, told: Answered): void {
  // Most are: nothing to leave out, and nothing to make for a line that may not be written.
  if (told.error === undefined) return log.info(told, "answered");
  const { error, ...answered } = told;
  if (answered.status < 500) return log.info(answered, "answered");
  log.error(
    {
      ...answered,
      code: error.code,
      error: error.message,
      cause: error.cause === undefined ? undefined : firstLine(error.cause),
    },
    "answered with an error",
  );
}
