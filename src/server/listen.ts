import { isLockkeeperError, type LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { ListenAddress } from "../model/listen.ts";
import type { ServeLimits } from "../model/serve-config.ts";
import {
  openHttpServer,
  sendShort,
  type HttpBounds,
  type IncomingMessage,
  type RequestListener,
  type ShortAnswer,
  type UnreadRequest,
} from "../platform/http-server.ts";
import { nodePlatform } from "../platform/node.ts";
import { secured } from "./app.ts";
import { httpBounds } from "./bounds.ts";
import { asLockkeeperError, problemReply, publicError } from "./problem.ts";
import { responseOf } from "./reply.ts";
import { requestIds } from "./request-id.ts";
import type { Server, ServerLog } from "./server.ts";

/** How a server listens. */
export interface ListenOptions extends ListenAddress {
  readonly limits: ServeLimits;
  readonly log: ServerLog;
  /** Default: `httpBounds(limits)`. */
  readonly bounds?: Partial<HttpBounds>;
  /** Default: `requestIds`. */
  readonly requestId?: () => string;
}

/** A server that listens. */
export interface Listening {
  /** With the port that was free, where port 0 was asked for. */
  readonly url: string;
  readonly address: ListenAddress;
  /**
   * Ends in order: no new connection, `/readyz` and streams of events told at once, `timeoutMs` for the answers that have begun, then the rest is cut. Resolves with the number of connections whose
   * answer was cut.
   */
  drain(timeoutMs: number): Promise<number>;
}

/** Lets a server answer on an address. Throws `ADDRESS_IN_USE`, `ADDRESS_UNKNOWN`, `PERMISSION_DENIED`. */
export async function listen(server: Server, options: ListenOptions): Promise<Listening> {
  const { host, port, limits, log } = options;
  const requestId = options.requestId ?? requestIds(nodePlatform());
  const refusals = new Refusals(log, requestId);
  const http = await openHttpServer(
    { host, port },
    {
      bounds: { ...httpBounds(limits), ...options.bounds },
      onRequest: await requestListener(server, refusals),
      refuse: (unread) => refusals.unread(unread),
    },
  );
  const { address } = http;
  return {
    url: `http://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`,
    address,
    drain(timeoutMs) {
      server.beginDrain();
      return http.drain(timeoutMs);
    },
  };
}

/** What the app is behind: requests that Node reads and no app should have to think about. */
async function requestListener({ app }: Server, refusals: Refusals): Promise<RequestListener> {
  const { getRequestListener, RequestError } = await import("@hono/node-server");
  const answer = getRequestListener((request, bindings) => app.fetch(request, bindings), {
    errorHandler: (error) => {
      const invalid = publicError("REQUEST_INVALID", "the address or the Host header is malformed");
      return refusals.response(error instanceof RequestError ? invalid : asLockkeeperError(error));
    },
  });
  return (incoming, outgoing) => {
    const fault = requestFault(incoming);
    if (fault !== undefined) return sendShort(outgoing, refusals.request(publicError("REQUEST_INVALID", fault)));
    void answer(incoming, outgoing);
  };
}

/**
 * What Node lets pass: a version that is not spoken here; and, RFC 9112 3.2, more than one Host, or another host in the request's target than there, of which two programs on
 * the way might each take another one.
 */
function requestFault({ httpVersion, url = "", rawHeaders, headers }: IncomingMessage): string | undefined {
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return "the version of HTTP is not 1.1";
  if (countHosts(rawHeaders) > 1) return "there is more than one Host header";
  if (url.startsWith("/")) return undefined;
  const [, named] = /^https?:\/\/([^/?#]*)/i.exec(url) ?? [];
  if (named === undefined || named.toLowerCase() === headers.host?.toLowerCase()) return undefined;
  return "the address names another host than the Host header";
}

/** How many headers are named Host: names stand at even places, before their values. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let place = 0; place < rawHeaders.length; place += 2) {
    const name = rawHeaders[place];
    if (name?.length === "host".length && name.toLowerCase() === "host") count += 1;
  }
  return count;
}

/** Answers to what never reaches a route. */
class Refusals {
  readonly #log: ServerLog;
  readonly #requestId: () => string;

  constructor(log: ServerLog, requestId: () => string) {
    this.#log = log;
    this.#requestId = requestId;
  }

  /** Of what Node could not read. */
  unread({ status, reason }: UnreadRequest): ShortAnswer {
    const code = status === 413 || status === 431 ? "REQUEST_TOO_LARGE" : "REQUEST_INVALID";
    return this.#short(publicError(code, unreadWords[status]), { status, reason });
  }

  /** Of what was read and is refused before the app. */
  request(error: LockkeeperError): ShortAnswer {
    return this.#short(error, { reason: error.code });
  }

  /** The same as the app's adapter takes it. */
  response(error: LockkeeperError): Response {
    const reply = problemReply(error);
    const headers = secured(reply, this.#tell(error, { status: reply.status, reason: error.code }));
    return responseOf({ ...reply, headers });
  }

  #short(error: LockkeeperError, told: { readonly status?: number; readonly reason: string }): ShortAnswer {
    const { status, headers, body } = problemReply(error, told);
    return { status, headers: secured({ status, headers }, this.#tell(error, { status, reason: told.reason })), body };
  }

  #tell(error: LockkeeperError, fields: { readonly status: number; readonly reason: string }): string {
    const requestId = this.#requestId();
    const told = { route: "unknown", method: "unknown", ...fields, requestId, client: "unknown" };
    if (isLockkeeperError(error, "BUG")) this.#log.error({ ...told, error: error.message }, "answered with an error");
    else this.#log.info(told, "refused");
    return requestId;
  }
}

const unreadWords: Readonly<Record<UnreadRequest["status"], string>> = {
  400: "the request is no well-formed HTTP",
  405: "this server is no proxy",
  408: "the request did not come whole in time",
  413: "the request's chunks say more about themselves than is read",
  417: "what the Expect header asks for is not done here",
  431: "the head of the request is longer than is read",
};
