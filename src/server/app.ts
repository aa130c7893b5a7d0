import { Hono } from "hono";
import { compress } from "hono/compress";
import { isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";
import { authenticate, type TokenRule } from "./auth.ts";
import { assertHost, type HostRule } from "./host.ts";
import { asLockkeeperError, problemResponse, publicError } from "./problem.ts";
import type { RequestContext, RequestVariables, Route } from "./route.ts";

/** One request, as those who count and log see it. */
export interface Answered {
  /** The route's path as OpenAPI writes it; `unknown` where none fits. */
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly durationMs: number;
  readonly requestId: string;
  readonly client: string;
  /** What went wrong, where something did. */
  readonly error: LockkeeperError | undefined;
}

/** What every request passes. */
export interface AppOptions {
  readonly tokens: TokenRule;
  /** None where the app is mounted in another, which answers under names of its own. */
  readonly hostRule: HostRule | undefined;
  readonly urlBytesMax: number;
  readonly requestId: () => string;
  readonly monotonicMs: () => number;
  /** A request begins: `onAnswered` follows. */
  readonly onArrived: () => void;
  readonly onAnswered: (answered: Answered) => void;
}

/** An app of routes. Whatever is thrown in them is answered as a problem; nothing reaches an error handler of the app it is mounted in. */
export function createApp(routes: readonly Route[], options: AppOptions): Hono<{ Variables: RequestVariables }> {
  const app = new Hono<{ Variables: RequestVariables }>();
  app.use(compress());
  const paths = new Map<string, Route[]>();
  for (const route of routes) {
    const path = honoPath(route.definition.path);
    paths.set(path, [...(paths.get(path) ?? []), route]);
  }
  for (const [path, those] of paths) {
    for (const route of those) {
      app.on(route.definition.method.toUpperCase(), path, (request) => answer(request as RequestContext, route, options));
    }
    app.all(path, (request) => answer(request as RequestContext, refusal(those), options));
  }
  app.notFound((request) => answer(request as RequestContext, unknownRoute, options));
  return app;
}

/** `/v1/stores/{store}` as the router writes it. */
function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

type Answerer = Pick<Route, "handle"> & { readonly definition: Pick<Route["definition"], "path" | "level"> };

const unknownRoute: Answerer = {
  definition: { path: "unknown", level: "open" },
  handle: () =>
    Promise.reject(publicError("ROUTE_UNKNOWN", "nothing is served at this address", { hint: "/openapi.json lists what is." })),
};

function refusal(routes: readonly Route[]): Answerer {
  const allowed = routes.flatMap(({ definition: { method } }) => (method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()]));
  const [first] = routes;
  return {
    definition: { path: first?.definition.path ?? "unknown", level: "open" },
    handle: () => {
      const response = problemResponse(publicError("METHOD_REFUSED", `this address takes ${allowed.join(" and ")}`));
      response.headers.set("Allow", allowed.join(", "));
      return Promise.resolve(response);
    },
  };
}

async function answer(request: RequestContext, route: Answerer, options: AppOptions): Promise<Response> {
  options.onArrived();
  const startedMs = options.monotonicMs();
  const requestId = options.requestId();
  request.set("requestId", requestId);
  request.set("remote", remoteOf(request));
  let error: LockkeeperError | undefined;
  let response: Response;
  try {
    assertAddress(request, options);
    const principal = authenticate(options.tokens, request.req.header("Authorization"), route.definition.level);
    request.set("principal", principal);
    assertStore(principal.stores, request.req.param("store"));
    response = await route.handle(request);
  } catch (thrown) {
    error = request.req.raw.signal.aborted ? clientGone(thrown) : asLockkeeperError(thrown);
    response = problemResponse(error, statusBeside(request, error, options));
  }
  secure(response.headers, requestId);
  options.onAnswered({
    route: route.definition.path,
    method: request.req.method,
    status: response.status,
    durationMs: options.monotonicMs() - startedMs,
    requestId,
    client: clientName(request),
    error,
  });
  return response;
}

/** Nobody reads the answer; who counts and logs must not take it for a fault of the server. */
function clientGone(thrown: unknown): LockkeeperError {
  const own = isLockkeeperError(thrown) && thrown.code !== "INTERRUPTED";
  return own ? thrown : new LockkeeperError("INTERRUPTED", "the client went before it was answered", { cause: thrown });
}

/** nginx's number for a client that went, which no client ever sees. */
const clientGoneStatus = 499;

/** The status code, where the error's code alone does not decide it. */
function statusBeside(request: RequestContext, { code }: LockkeeperError, options: AppOptions): { readonly status?: number } {
  if (code === "INTERRUPTED" && request.req.raw.signal.aborted) return { status: clientGoneStatus };
  return code === "REQUEST_TOO_LARGE" && isTooLong(request, options) ? { status: 414 } : {};
}

function isTooLong(request: RequestContext, { urlBytesMax }: AppOptions): boolean {
  return request.req.url.length > urlBytesMax;
}

function assertAddress(request: RequestContext, options: AppOptions): void {
  if (isTooLong(request, options)) {
    throw publicError("REQUEST_TOO_LARGE", `the address is longer than ${options.urlBytesMax} bytes`, {
      hint: "Ask for less at a time.",
    });
  }
  if (options.hostRule) assertHost(options.hostRule, request.req.header("Host"));
}

/** A store that a token does not have is not there for it. */
function assertStore(stores: readonly string[] | undefined, store: string | undefined): void {
  if (stores === undefined || store === undefined || stores.includes(store)) return;
  throw publicError("STORE_UNKNOWN", `there is no store ${JSON.stringify(store.slice(0, 64))}`);
}

function clientName(request: RequestContext): string {
  const principal = request.get("principal") as RequestVariables["principal"] | undefined;
  return principal?.name ?? "unknown";
}

interface NodeBindings {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } };
}

function remoteOf(request: RequestContext): string {
  const { incoming } = (request.env ?? {}) as NodeBindings;
  return incoming?.socket?.remoteAddress ?? "unknown";
}

/** Adds what every answer carries: what no browser may do with it, and its request's id. */
export function secure(headers: Headers, requestId: string): void {
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  headers.set("Request-Id", requestId);
}
