import type { StoreEvent } from "../model/events.ts";
import { EventBlocks, type EventBlock } from "./event-blocks.ts";
import { httpErrorOf, LockkeeperHttpError } from "./http-error.ts";
import type { Requests } from "./requests.ts";
import { wait } from "./wait.ts";

/** What is about now and in no history: it has no id, and is not told again. */
export interface StoreNotice {
  readonly id?: undefined;
  readonly type: `store.${string}`;
  readonly store: string;
  readonly time: string;
  readonly [field: string]: unknown;
}

/** What happened in a store. */
export type FollowedEvent = Omit<StoreEvent, "detail"> | StoreNotice;

/** How a store is followed. */
export interface FollowOptions {
  /** Goes on after this event, by its `id`; 0 is before the first. Default: what happens from now on. */
  readonly after?: number | string | undefined;
  /** Ends it: the loop throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hears why a connection broke or did not come about; another try follows. */
  readonly onBreak?: ((error: unknown) => void) | undefined;
  /** Without a byte for so long, a connection is taken for dead. Milliseconds, default 45,000: the server sends something every 15,000. */
  readonly silenceMs?: number | undefined;
}

const silenceMsDefault = 45_000;
/** Between two tries at most. Milliseconds. */
const pauseMsMax = 30_000;
/** What passes by itself; whatever else the server answers is thrown. */
const passing: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/**
 * Every event, once and in order, over as many connections as it takes. Leaving the loop ends it. Throws `LockkeeperHttpError` for what another try would not mend, and the
 * signal's reason.
 */
export async function* follow(
  requests: Requests,
  store: string,
  options: FollowOptions = {},
): AsyncGenerator<FollowedEvent, void, undefined> {
  const connection = new Following(requests, store, options);
  for (;;) {
    try {
      yield* connection.events();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof LockkeeperHttpError && !passing.has(error.status)) throw error;
      options.onBreak?.(error);
      await wait(connection.pauseMs(error), options.signal);
    }
  }
}

class Following {
  readonly #requests: Requests;
  readonly #store: string;
  readonly #options: FollowOptions;
  #last: string | undefined;
  /** Marks the last switch of another program: it may be told again after a break, under another id. */
  #foreign: string | undefined;
  #retryMs = 2_000;
  #failures = 0;

  constructor(requests: Requests, store: string, options: FollowOptions) {
    this.#requests = requests;
    this.#store = store;
    this.#options = options;
    this.#last = options.after === undefined ? undefined : String(options.after);
    this.#foreign = markOf(this.#last);
  }

  /** How long to wait before the next try: longer each time, and not all clients at once. */
  pauseMs(error: unknown): number {
    const asked = error instanceof LockkeeperHttpError ? (error.retryAfterMs ?? 0) : 0;
    const pause = Math.min(this.#retryMs * 2 ** Math.min(this.#failures, 10), pauseMsMax);
    this.#failures += 1;
    return Math.max(asked, pause * (0.5 + Math.random() / 2));
  }

  /** The events of one connection. Always ends by throwing. */
  async *events(): AsyncGenerator<FollowedEvent, void, undefined> {
    const closing = new AbortController();
    const { signal: outer } = this.#options;
    const signal = outer ? AbortSignal.any([outer, closing.signal]) : closing.signal;
    try {
      const body = await this.#open(signal, closing);
      const blocks = new EventBlocks();
      const decoder = new TextDecoder();
      const reader = body.getReader();
      for (;;) {
        const { value, done } = await this.#within(() => reader.read(), closing);
        if (done) throw new Error("the server ended the stream");
        for (const block of blocks.push(decoder.decode(value, { stream: true }))) {
          const event = this.#take(block);
          if (event) yield event;
        }
      }
    } finally {
      closing.abort();
    }
  }

  async #open(signal: AbortSignal, closing: AbortController): Promise<ReadableStream<Uint8Array>> {
    const query = new URLSearchParams({ store: this.#store });
    const headers = { Accept: "text/event-stream", ...(this.#last !== undefined && { "Last-Event-ID": this.#last }) };
    const asked = { path: "/v1/events", query };
    const response = await this.#within(() => this.#requests.send(asked, { headers, signal }), closing);
    if (!response.ok) throw await httpErrorOf(response);
    if (!response.body) throw new Error("the answer has no body");
    return response.body;
  }

  /** Only waiting counts: what whoever follows does with an event may take its time. */
  async #within<Result>(action: () => Promise<Result>, closing: AbortController): Promise<Result> {
    const ms = this.#options.silenceMs ?? silenceMsDefault;
    const timer = setTimeout(() => closing.abort(new Error(`nothing came for ${ms} ms`)), ms);
    try {
      return await action();
    } finally {
      clearTimeout(timer);
    }
  }

  #take({ id, data, retryMs }: EventBlock): FollowedEvent | undefined {
    this.#failures = 0;
    this.#retryMs = retryMs ?? this.#retryMs;
    this.#last = id ?? this.#last;
    if (data === undefined) return undefined;
    const event = JSON.parse(data) as FollowedEvent;
    const mark = markOf(id);
    if (mark !== undefined && mark === this.#foreign) return undefined;
    this.#foreign = mark ?? this.#foreign;
    if (event.type === "release.switched" && typeof event.version === "number") {
      this.#requests.noteVersion(this.#store, event.version);
    }
    return event;
  }
}

/** What tells one switch of another program from the next: the hex digits of its event's id. */
function markOf(id: string | undefined): string | undefined {
  return id?.split("+")[1];
}
