import { createServer, STATUS_CODES, type RequestListener, type Server, type ServerResponse } from "node:http";
import { Server as SocketServer, type Socket, type AddressInfo } from "node:net";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { ListenAddress } from "../model/listen.ts";
import { errnoOf, ioError } from "./io-error.ts";

export type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

/** What a stranger may take of a server at most. */
export interface HttpBounds {
  /** Request line and headers of one request. */
  readonly headBytesMax: number;
  /** From the connection, or the first byte of a later request, to the end of the headers. Milliseconds. */
  readonly headTimeoutMs: number;
  /** The same to the end of the body. Milliseconds. */
  readonly requestTimeoutMs: number;
  /** How often the two before are looked at: so much later than they say a connection is cut. Milliseconds. */
  readonly lookEveryMs: number;
  /** How long a connection may wait for its next request. Milliseconds. */
  readonly keepAliveTimeoutMs: number;
  /** How long no byte may move on a connection that has a request: longer than any answer may take to begin. Milliseconds. */
  readonly stillTimeoutMs: number;
  /** Connections at a time; one more is closed at once. */
  readonly connectionsMax: number;
  /** Requests of one connection; the last one's answer says that it closes. */
  readonly requestsPerConnectionMax: number;
}

/** An answer that needs no app: head and body, sent whole, after which the connection closes. */
export interface ShortAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Why a request could not be read. `reason` of a malformed one is the parser's own code. */
export interface UnreadRequest {
  readonly status: 400 | 405 | 408 | 413 | 417 | 431;
  readonly reason: string;
}

/** What a server answers with. */
export interface HttpServerOptions {
  readonly bounds: HttpBounds;
  readonly onRequest: RequestListener;
  /** The answer to what could not be read, in words that tell nothing of this machine. */
  readonly refuse: (unread: UnreadRequest) => ShortAnswer;
}

/** A server that listens. */
export interface HttpServer {
  /** Where it listens: the address that was found, and the port that was free. */
  readonly address: ListenAddress;
  /**
   * Takes no new connection, closes those without a request, and lets the others end with their answer; after `timeoutMs` the rest is cut. Resolves with the number of
   * connections whose answer was cut.
   */
  drain(timeoutMs: number): Promise<number>;
}

/** What input after a refusal may cost: read and thrown away for so long, so that the refusal is not lost to a connection reset. Milliseconds. */
const lingerMs = 1_000;

/** Listens. Throws `ADDRESS_IN_USE`, `ADDRESS_UNKNOWN` and `PERMISSION_DENIED`. */
export async function openHttpServer(address: ListenAddress, options: HttpServerOptions): Promise<HttpServer> {
  const { bounds } = options;
  const server = createServer({
    maxHeaderSize: bounds.headBytesMax,
    headersTimeout: bounds.headTimeoutMs,
    requestTimeout: bounds.requestTimeoutMs,
    connectionsCheckingInterval: bounds.lookEveryMs,
    keepAliveTimeout: bounds.keepAliveTimeoutMs,
    insecureHTTPParser: false,
    // Node's own refusal has no body; `onRequest` refuses in ours.
    requireHostHeader: false,
    noDelay: true,
  });
  server.timeout = bounds.stillTimeoutMs;
  server.maxConnections = bounds.connectionsMax;
  server.maxRequestsPerSocket = bounds.requestsPerConnectionMax;
  // Node drops headers above a number in silence; their bytes are bounded already.
  server.maxHeadersCount = 0;
  const connections = new Connections(server, options);
  const found = await listening(server, address);
  return { address: found, drain: (timeoutMs) => connections.drain(timeoutMs) };
}

function listening(server: Server, address: ListenAddress): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, address)));
    server.listen({ host: address.host, port: address.port }, () => {
      const { address: host, port } = server.address() as AddressInfo;
      resolve({ host, port });
    });
  });
}

function listenError(cause: unknown, { host, port }: ListenAddress): LockkeeperError {
  const subject = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const errno = errnoOf(cause);
  if (errno === "EADDRINUSE") {
    return new LockkeeperError("ADDRESS_IN_USE", `another program listens on ${subject}`, {
      hint: "Stop it, or listen on another port: --listen HOST:PORT, or serve.listen in lockkeeper.toml.",
      subject,
      cause,
    });
  }
  if (errno === "EACCES" || errno === "EPERM") {
    return new LockkeeperError("PERMISSION_DENIED", `this user may not listen on ${subject}`, {
      hint: "Ports below 1024 are the system's: choose a higher one, and put a reverse proxy before it.",
      subject,
      cause,
    });
  }
  if (errno === "EADDRNOTAVAIL" || errno === "ENOTFOUND" || errno === "EAI_AGAIN" || errno === "EAFNOSUPPORT") {
    return new LockkeeperError("ADDRESS_UNKNOWN", `${host} is no address of this machine (${errno})`, {
      hint: "Listen on 127.0.0.1, on an address that this machine has, or on 0.0.0.0 for all of them.",
      subject,
      cause,
    });
  }
  return ioError(cause, "listen on", subject);
}

/** The connections of a server, with the answers that each one still waits for. */
class Connections {
  readonly #server: Server;
  readonly #options: HttpServerOptions;
  /** In the order of their requests; nearly always there is one. */
  readonly #open = new Map<Socket, ServerResponse[]>();
  readonly #refused = new WeakSet<Socket>();
  #draining = false;

  constructor(server: Server, options: HttpServerOptions) {
    this.#server = server;
    this.#options = options;
    server.on("connection", (socket) => {
      this.#open.set(socket, []);
      socket.once("close", () => this.#open.delete(socket));
    });
    server.on("request", (incoming, outgoing) => {
      this.#track(outgoing);
      options.onRequest(incoming, outgoing);
    });
    server.on("checkExpectation", (_, outgoing) => {
      this.#track(outgoing);
      sendShort(outgoing, options.refuse({ status: 417, reason: "EXPECT" }));
    });
    server.on("connect", (_, socket) => this.#refuse(socket as Socket, { status: 405, reason: "CONNECT" }));
    server.on("clientError", (error, socket) => this.#onClientError(error, socket as Socket));
  }

  #track(outgoing: ServerResponse): void {
    const { socket } = outgoing;
    const answers = socket && this.#open.get(socket);
    if (!answers) return;
    answers.push(outgoing);
    if (this.#draining) announceEnd(outgoing);
    outgoing.once("close", () => {
      answers.splice(answers.indexOf(outgoing), 1);
      if (this.#draining && answers.length === 0) socket.destroySoon();
    });
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const unread = unreadOf(error);
    if (unread === undefined || !socket.writable) return void socket.destroy();
    // An answer that is under way would be mixed with this one, or this one taken for the answer to an earlier request.
    const answers = this.#open.get(socket) ?? [];
    if (answers.some(({ headersSent, req }) => headersSent || req.complete)) return void socket.destroy();
    this.#refuse(socket, unread);
  }

  #refuse(socket: Socket, unread: UnreadRequest): void {
    if (this.#refused.has(socket)) return;
    this.#refused.add(socket);
    const { status, headers, body } = this.#options.refuse(unread);
    const all = { ...headers, Connection: "close", "Content-Length": Buffer.byteLength(body) };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.on("error", () => undefined);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n${body}`);
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("close", () => clearTimeout(timer));
  }

  async drain(timeoutMs: number): Promise<number> {
    this.#draining = true;
    // Not `close()` of the HTTP server: it also cuts an answer whose last bytes are on their way.
    const closed = new Promise<void>((resolve) => {
      SocketServer.prototype.close.call(this.#server, () => resolve());
    });
    for (const [socket, answers] of this.#open) {
      if (answers.length === 0) socket.destroy();
      for (const outgoing of answers) announceEnd(outgoing);
    }
    let cut = 0;
    const timer = setTimeout(() => {
      for (const [socket, answers] of this.#open) {
        if (answers.length > 0) cut += 1;
        socket.destroy();
      }
    }, timeoutMs);
    await closed;
    clearTimeout(timer);
    // Stops its timers, which listening has no part in.
    this.#server.close();
    return cut;
  }
}

/** Tells the client that the connection ends with this answer, if it can still be told. */
function announceEnd(outgoing: ServerResponse): void {
  if (!outgoing.headersSent) outgoing.setHeader("Connection", "close");
}

/** Sends an answer that needs no app. */
export function sendShort(outgoing: ServerResponse, { status, headers, body }: ShortAnswer): void {
  outgoing.writeHead(status, { ...headers, Connection: "close", "Content-Length": Buffer.byteLength(body) });
  outgoing.end(body);
}

/** What the client is told of an error of its connection; `undefined` where it is not there any more. */
function unreadOf({ code = "" }: NodeJS.ErrnoException): UnreadRequest | undefined {
  if (code === "HPE_HEADER_OVERFLOW") return { status: 431, reason: code };
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return { status: 408, reason: code };
  if (code === "HPE_CHUNK_EXTENSIONS_OVERFLOW") return { status: 413, reason: code };
  return code.startsWith("HPE_") ? { status: 400, reason: code } : undefined;
}
