import { Hono } from "hono";
import { COMPRESSIBLE_CONTENT_TYPE_REGEX, compress } from "hono/compress";
import { isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";
import { authenticate, type TokenRule } from "./auth.ts";
import { cutOnFailure } from "./cut.ts";
import { hostCheck, type HostRule } from "./host.ts";
import { mediaTypes } from "./negotiate.ts";
import { asLockkeeperError, problemReply, publicError } from "./problem.ts";
import { responseOf, type Reply } from "./reply.ts";
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
export function createApp(routes: readonly Route[], appOptions: AppOptions): Hono<{ Variables: RequestVariables }> {
  const options = { ...appOptions, assertHost: hostCheck(appOptions.hostRule) };
  const app = new Hono<{ Variables: RequestVariables }>();
  const paths = new Map<string, Route[]>();
  for (const route of routes) {
    const { path } = route.definition;
    paths.set(path, [...(paths.get(path) ?? []), route]);
  }
  for (const [path, those] of paths) {
    const byMethod = new Map(those.flatMap((route) => allowedMethods(route).map((method) => [method, route] as const)));
    const refused = refusal([...byMethod.keys()], path);
    app.all(honoPath(path), (request) =>
      respond(request as RequestContext, byMethod.get(request.req.method) ?? refused, options),
    );
  }
  app.notFound((request) => respond(request as RequestContext, unknownRoute, options));
  return app;
}

type Options = AppOptions & { readonly assertHost: (header: string | undefined) => void };

const [ndjsonType] = mediaTypes.ndjson;

const compressed = compress({
  contentTypeFilter: (type) => type === ndjsonType || COMPRESSIBLE_CONTENT_TYPE_REGEX.test(type),
});

/** The answer, compressed where the caller takes that. What takes no encoding has no use for the middleware, which would look at every answer's headers. */
async function respond(request: RequestContext, route: Answerer, options: Options): Promise<Response> {
  if (request.req.header("Accept-Encoding") === undefined) return answer(request, route, options);
  await compressed(request, async () => {
    request.res = await answer(request, route, options);
  });
  return request.res;
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

function allowedMethods({ definition: { method } }: Route): string[] {
  return method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()];
}

function refusal(allowed: readonly string[], path: string): Answerer {
  return {
    definition: { path, level: "open" },
    handle: () => {
      const reply = problemReply(publicError("METHOD_REFUSED", `this address takes ${allowed.join(" and ")}`));
      return Promise.resolve({ ...reply, headers: { ...reply.headers, Allow: allowed.join(", ") } });
    },
  };
}

async function answer(request: RequestContext, route: Answerer, options: Options): Promise<Response> {
  options.onArrived();
  const startedMs = options.monotonicMs();
  const requestId = options.requestId();
  request.set("requestId", requestId);
  request.set("remote", remoteOf(request));
  let error: LockkeeperError | undefined;
  let reply: Reply;
  try {
    assertAddress(request, options);
    const principal = authenticate(options.tokens, request.req.header("Authorization"), route.definition.level);
    request.set("principal", principal);
    assertStore(principal.stores, request.req.param("store"));
    reply = await route.handle(request);
  } catch (thrown) {
    error = request.req.raw.signal.aborted ? clientGone(thrown) : asLockkeeperError(thrown);
    reply = problemReply(error, statusBeside(request, error, options));
  }
  options.onAnswered({
    route: route.definition.path,
    method: request.req.method,
    status: reply.status,
    durationMs: options.monotonicMs() - startedMs,
    requestId,
    client: clientName(request),
    error,
  });
  return responseOf({ ...reply, headers: secured(reply, requestId), body: whole(request, reply) });
}

/** A body that breaks off takes its connection with it, where that is at hand. */
function whole(request: RequestContext, { body }: Reply): Reply["body"] {
  const { outgoing } = (request.env ?? {}) as NodeBindings;
  return body instanceof ReadableStream && outgoing ? cutOnFailure(body, outgoing) : body;
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

function assertAddress(request: RequestContext, options: Options): void {
  if (isTooLong(request, options)) {
    throw publicError("REQUEST_TOO_LARGE", `the address is longer than ${options.urlBytesMax} bytes`, {
      hint: "Ask for less at a time.",
    });
  }
  options.assertHost(request.req.header("Host"));
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
  readonly outgoing?: { destroy(): unknown };
}

function remoteOf(request: RequestContext): string {
  const { incoming } = (request.env ?? {}) as NodeBindings;
  return incoming?.socket?.remoteAddress ?? "unknown";
}

/**
 * The headers of an answer with what every answer carries: what no browser may do with it, and its request's id. A 304 goes without the former, for the caller keeps
 * those of the answer that it has (RFC 9110, 15.4.5; RFC 9111, 3.2).
 */
export function secured({ status, headers }: Pick<Reply, "status" | "headers">, requestId: string): Reply["headers"] {
  // Many times as fast as a literal that begins with a spread, and every answer comes by here.
  return Object.assign({}, headers, status === 304 ? undefined : everywhere, { "Request-Id": requestId });
}

const everywhere = {
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
};
