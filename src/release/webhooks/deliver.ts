import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import { beforeAllEvents, parseEventId, type EventCursor, type StoreEvent } from "../../model/events.ts";
import { answerMsMax, attemptsMax, attemptsPerRun, pauseAfter, retryAfterMs, signedEvent } from "../../model/webhook.ts";
import type { Webhook, WebhookState } from "../../model/webhook.ts";
import { makeFolders } from "../../platform/files.ts";
import { acquireLock, type HeldLock } from "../../platform/lock.ts";
import { storeEvents } from "../events.ts";
import type { ReleaseStore } from "../store.ts";
import { namingErrors } from "../system-errors.ts";
import { beginWebhooks, lastEventId, readWebhookState, removeUnfinishedStates, writeWebhookState } from "./outbox.ts";

/** How long one deliverer goes on at most; what is left is for the next. Milliseconds. */
export const deliverMsMax = 10 * 60_000;

/** How an event is sent. A text says what kept an answer from coming; it names no address. */
export type SendEvent = (request: {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}) => Promise<{ readonly status: number; readonly retryAfter: string | undefined } | string>;

/** What a delivery is done with. */
export interface DeliveryOptions {
  readonly send: SendEvent;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends each webhook the events that it asks for and has not had, in the order of the history, each after the one before it was accepted; webhooks do not
 * wait for each other. One process a store: false where another is at it, which also takes what has come by then. Throws `IO_FAILED`, `PERMISSION_DENIED`, … where
 * the store cannot be read or written.
 */
export async function deliverWebhooks(
  store: ReleaseStore,
  webhooks: readonly Webhook[],
  options: DeliveryOptions,
): Promise<boolean> {
  return namingErrors(store, async () => {
    // Without a folder of ours nothing has happened yet.
    if ((await store.platform.files.stat(store.paths.own)) === undefined) return true;
    await makeFolders(store.platform, store.paths.own, store.paths.webhooks);
    const deadlineMs = store.platform.clock.monotonicMs() + deliverMsMax;
    let due: readonly Webhook[] = webhooks;
    for (;;) {
      const lock = await lockOrNothing(store);
      if (lock === undefined) return false;
      const through = new Set<Webhook>();
      try {
        await removeUnfinishedStates(store);
        const deliveries = due.map(async (webhook) => {
          if (await new Delivery(store, webhook, { ...options, deadlineMs }).run()) through.add(webhook);
        });
        for (const settled of await Promise.allSettled(deliveries)) if (settled.status === "rejected") throw settled.reason;
      } finally {
        await lock.release();
      }
      // Who came with an event between the last look and the release found the lock held, and relies on us.
      due = await filtered([...through], async (webhook) => (await pendingEvents(store, webhook)).length > 0);
      if (due.length === 0 || options.signal?.aborted) return true;
    }
  });
}

/** The events that a webhook asks for and has not had. */
export async function pendingEvents(store: ReleaseStore, webhook: Webhook): Promise<StoreEvent[]> {
  const state = readWebhookState(store, webhook);
  const events: StoreEvent[] = [];
  if (!state || state.gone) return events;
  for await (const event of eventsAfter(store, state)) if (webhook.events.includes(event.type)) events.push(event);
  return events;
}

/** A history that does not reach what was delivered is another one, a restored backup say: its events are told from the first. */
async function* eventsAfter(store: ReleaseStore, state: WebhookState): AsyncGenerator<StoreEvent, void, undefined> {
  const after: EventCursor = parseEventId(state.after) ?? beforeAllEvents;
  try {
    yield* storeEvents([store], { after });
  } catch (error) {
    if (!isLockkeeperError(error, "USAGE")) throw error;
    yield* storeEvents([store]);
  }
}

class Delivery {
  readonly #store: ReleaseStore;
  readonly #webhook: Webhook;
  readonly #options: DeliveryOptions & { readonly deadlineMs: number };
  #state: WebhookState = { after: "0", attempts: 0 };

  constructor(store: ReleaseStore, webhook: Webhook, options: DeliveryOptions & { readonly deadlineMs: number }) {
    this.#store = store;
    this.#webhook = webhook;
    this.#options = options;
  }

  /** Whether everything there was is done with. */
  async run(): Promise<boolean> {
    const found = readWebhookState(this.#store, this.#webhook);
    if (found === undefined) {
      await beginWebhooks(this.#store, [this.#webhook], await lastEventId(this.#store));
      return true;
    }
    this.#state = found;
    if (found.gone) return false;
    let passed: string | undefined;
    for await (const event of eventsAfter(this.#store, found)) {
      passed = String(event.id);
      if (!this.#webhook.events.includes(event.type)) continue;
      if (!(await this.#deliver(event))) return false;
      const { failure: _, ...state } = this.#state;
      await this.#keep({ ...state, after: passed, attempts: 0 });
    }
    // What was passed over need not be looked at again.
    if (passed !== undefined && passed !== this.#state.after) await this.#keep({ ...this.#state, after: passed, attempts: 0 });
    return true;
  }

  /** True when it was accepted, or is given up. */
  async #deliver(event: StoreEvent): Promise<boolean> {
    const { platform } = this.#store;
    for (let attempt = 1; attempt <= attemptsPerRun; attempt += 1) {
      if (this.#state.attempts >= attemptsMax) {
        await this.#keep({ ...this.#state, givenUp: (this.#state.givenUp ?? 0) + 1 });
        return true;
      }
      if (this.#leftMs() <= 0 || this.#options.signal?.aborted) return false;
      const answer = await this.#send(event);
      const status = typeof answer === "string" ? 0 : answer.status;
      if (status >= 200 && status <= 299) {
        await platform.failpoint("webhook.accepted");
        return true;
      }
      // Who stops us says nothing of the receiver.
      if (this.#options.signal?.aborted) return false;
      const detail = typeof answer === "string" ? answer : `the receiver answered ${status}`;
      await this.#keep({
        ...this.#state,
        attempts: this.#state.attempts + 1,
        failure: { time: platform.clock.now().toISOString(), detail },
        ...(status === 410 && { gone: true }),
      });
      if (status === 410 || attempt === attemptsPerRun) return false;
      const asked = typeof answer === "string" ? 0 : retryAfterMs(answer.retryAfter, platform.clock.now());
      const pause = pauseAfter(attempt, Number.parseInt(platform.random(2), 16) / 0x1_00_00, asked);
      const { signal } = this.#options;
      await platform.clock.wait(Math.min(pause, Math.max(0, this.#leftMs())), signal ? { signal } : {}).catch(() => undefined);
    }
    return false;
  }

  #send(event: StoreEvent): ReturnType<SendEvent> {
    const { url } = this.#webhook;
    const timeoutMs = Math.ceil(Math.min(answerMsMax, this.#leftMs()));
    const signed = signedEvent(this.#webhook, event, this.#store.platform.clock.now());
    return this.#options.send({ url, ...signed, timeoutMs, signal: this.#options.signal });
  }

  #leftMs(): number {
    return this.#options.deadlineMs - this.#store.platform.clock.monotonicMs();
  }

  async #keep(state: WebhookState): Promise<void> {
    this.#state = state;
    await writeWebhookState(this.#store, this.#webhook, state);
  }
}

/** `undefined` where another process delivers. */
async function lockOrNothing(store: ReleaseStore): Promise<HeldLock | undefined> {
  return acquireLock(store.platform, {
    path: store.paths.webhooksLock,
    code: "WRITER_LOCKED",
    what: `the webhook lock of ${store.name}`,
    purpose: `deliver events of ${store.name}`,
    waitMs: 0,
  }).catch((error: unknown) => {
    if (isLockkeeperError(error, "WRITER_LOCKED")) return undefined;
    throw error;
  });
}

async function filtered<Item>(items: readonly Item[], test: (item: Item) => Promise<boolean>): Promise<Item[]> {
  const kept: Item[] = [];
  for (const item of items) if (await test(item)) kept.push(item);
  return kept;
}
