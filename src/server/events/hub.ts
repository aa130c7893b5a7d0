import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import { parseEventId } from "../../model/events.ts";
import type { Clock } from "../../platform/port.ts";
import { asLockkeeperError, publicError } from "../problem.ts";
import { EventConnection } from "./connection.ts";
import { StoreFollower, type EventSource } from "./follower.ts";
import { noticeFrame, type Notice } from "./frame.ts";

/** Shorter than what proxies take for silence, which is a minute in most. Milliseconds. */
const heartbeatMs = 15_000;

/** What a hub works with. */
export interface EventHubOptions {
  readonly clock: Pick<Clock, "every" | "now">;
  /** Streams at a time. */
  readonly connectionsMax: number;
  readonly warn: (store: string, message: string) => void;
}

/** A stream that is asked for. */
export interface EventRequest {
  readonly store: string;
  /** Goes on after this event; without one, with what happens from now on. */
  readonly after: string | undefined;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  /** Closes the connection of a client that takes nothing. */
  readonly onCut?: (() => void) | undefined;
}

/** Tells the events of stores to many connections: one follower a store, from the first connection to the last. */
export class EventHub {
  readonly #source: EventSource;
  readonly #options: EventHubOptions;
  readonly #followers = new Map<string, StoreFollower>();
  readonly #stopping = new Set<Promise<void>>();
  #stopHeartbeat: (() => void) | undefined;
  #connections = 0;
  #closed = false;

  constructor(source: EventSource, options: EventHubOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Streams that are open, and stores that are followed for them. */
  get load(): { readonly connections: number; readonly followers: number } {
    return { connections: this.#connections, followers: this.#followers.size };
  }

  /**
   * Opens a stream: every event after `after`, and then what happens, each once and in order. Throws `OVERLOADED` when there are as many as may be, `REQUEST_INVALID`
   * for an `after` that is no event of the store, `UNAVAILABLE` once the hub is closed, and what reading the history throws.
   */
  async open(request: EventRequest): Promise<ReadableStream<Uint8Array>> {
    const { store, after, signal } = request;
    this.#assertRoom();
    if (after !== undefined && !parseEventId(after)) throw unknownEvent(store);
    const follower = this.#followerOf(store);
    const onAbort = () => connection.end();
    const connection = new EventConnection({
      onEnd: () => {
        signal.removeEventListener("abort", onAbort);
        this.#leave(store, follower, connection);
      },
      onCut: () => request.onCut?.(),
    });
    follower.connections.add(connection);
    this.#connections += 1;
    this.#stopHeartbeat ??= this.#options.clock.every(heartbeatMs, () => this.#beat());
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      signal.throwIfAborted();
      await this.#begin(connection, follower, request);
      signal.throwIfAborted();
    } catch (error) {
      connection.end();
      throw error;
    }
    return connection.body();
  }

  /** Tells whoever is connected for the store, now, what is in no history. Whoever is not misses it. */
  tell(store: string, notice: Notice): void {
    if (!/^[a-z0-9.-]+$/.test(notice.type)) throw new TypeError(`no type of a notice: ${JSON.stringify(notice.type)}`);
    const follower = this.#followers.get(store);
    if (!follower) return;
    const frame = noticeFrame(store, notice, this.#options.clock.now());
    for (const connection of follower.connections) connection.notice(frame);
  }

  /** Ends every stream; settles when nothing follows any store. May be called twice. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const follower of this.#followers.values()) endAll(follower);
    await Promise.all(this.#stopping);
  }

  async #begin(connection: EventConnection, follower: StoreFollower, { store, after, signal }: EventRequest): Promise<void> {
    await follower.ready;
    const cursor = after === undefined ? undefined : parseEventId(after);
    if (!cursor) return connection.beginLive(follower.position);
    const backlog = this.#source.events({ store, after, signal, onWarning: () => undefined });
    try {
      await connection.beginAfter(cursor, backlog);
    } catch (error) {
      throw isLockkeeperError(error, "USAGE") ? unknownEvent(store) : error;
    }
  }

  #assertRoom(): void {
    if (this.#closed) throw publicError("UNAVAILABLE", "the server closes");
    const { connectionsMax } = this.#options;
    if (this.#connections < connectionsMax) return;
    throw publicError("OVERLOADED", `${connectionsMax} streams of events are open already`, {
      hint: "Come back shortly, or raise serve.limits.event_streams of lockkeeper.toml.",
    });
  }

  #followerOf(store: string): StoreFollower {
    const known = this.#followers.get(store);
    if (known) return known;
    const follower = new StoreFollower(this.#source, store, {
      onFailure: (error) => {
        endAll(follower);
        // Of a workspace that was closed nobody expects events.
        if (isLockkeeperError(error, "INTERRUPTED")) return;
        this.#options.warn(store, `its events cannot be followed: ${asLockkeeperError(error).message}`);
      },
      onWarning: (message) => this.#options.warn(store, message),
    });
    this.#followers.set(store, follower);
    return follower;
  }

  #leave(store: string, follower: StoreFollower, connection: EventConnection): void {
    if (!follower.connections.delete(connection)) return;
    this.#connections -= 1;
    if (this.#connections === 0) {
      this.#stopHeartbeat?.();
      this.#stopHeartbeat = undefined;
    }
    if (follower.connections.size > 0) return;
    if (this.#followers.get(store) === follower) this.#followers.delete(store);
    const stopping: Promise<void> = follower.stop().finally(() => this.#stopping.delete(stopping));
    this.#stopping.add(stopping);
  }

  #beat(): void {
    for (const follower of this.#followers.values()) for (const connection of follower.connections) connection.heartbeat();
  }
}

/** Their clients come back with the last event that they saw. */
function endAll(follower: StoreFollower): void {
  for (const connection of follower.connections) connection.end();
}

function unknownEvent(store: string): Error {
  return publicError("REQUEST_INVALID", `what Last-Event-ID or after names is no event of store ${JSON.stringify(store)}`, {
    hint: "Send the id of the last event that came, 0 to begin with the first, or neither for what happens from now on.",
  });
}
