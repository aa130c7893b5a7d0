import { throwIfInterrupted } from "../errors/interrupted.ts";
import { isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";
import { beforeAllEvents, foreignEvent, foreignMark, historyEvent, type EventCursor, type StoreEvent } from "../model/events.ts";
import type { IdentifiedManifest } from "../model/manifest.ts";
import { HistoryTail } from "./history-tail.ts";
import { lookAtManifest } from "./manifest-file.ts";
import type { ReleaseStore } from "./store.ts";
import { namingErrors } from "./system-errors.ts";

/** How often a follower looks for new events: soon enough for a person, rare enough to cost nothing (a `stat` a store). Milliseconds. */
export const followPollMs = 250;

/** How events are told. */
export interface StoreEventsOptions {
  /** Goes on after this event; default: from the first. */
  readonly after?: EventCursor | undefined;
  /** Goes on until the signal aborts; default: to the end of what is there. */
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Takes what cannot be told: broken lines with their numbers, a history that was replaced, a manifest that cannot be read. */
  readonly onWarning?: ((detail: string) => void) | undefined;
}

/**
 * The events of stores: each store's in the order of its history, in no order between stores. A switch of another program, which has no line, is told as
 * it is seen on the manifest, so that of several between two looks only the last is. Takes no lock and writes nothing. Throws `USAGE` when a
 * history does not reach `after`, `INTERRUPTED`, `PERMISSION_DENIED`, `IO_FAILED`.
 */
export async function* storeEvents(
  stores: readonly ReleaseStore[],
  options: StoreEventsOptions = {},
): AsyncGenerator<StoreEvent, void, undefined> {
  const { follow = false, signal } = options;
  const feeds = stores.map((store) => new EventFeed(store, options));
  const [first] = stores;
  for (;;) {
    for (const feed of feeds) yield* feed.news();
    if (!follow || !first) return;
    // An abort ends the pause early and is reported by the next look.
    await first.platform.clock.wait(followPollMs, signal ? { signal } : {}).catch(() => undefined);
  }
}

/** The events of one store, asked for again and again. */
export interface StoreEventFeed {
  /** What has come since it was asked last; costs a `stat` where nothing has. Throws what `storeEvents` throws. */
  news(): AsyncIterable<StoreEvent>;
}

/** A feed that begins with a store's first event. */
export function storeEventFeed(store: ReleaseStore, options: Pick<StoreEventsOptions, "onWarning"> = {}): StoreEventFeed {
  // As one who follows: a torn end may be whole the next time.
  return new EventFeed(store, { ...options, follow: true });
}

class EventFeed implements StoreEventFeed {
  readonly #store: ReleaseStore;
  readonly #options: StoreEventsOptions;
  readonly #after: EventCursor;
  readonly #tail: HistoryTail;
  /** The highest id in the history so far. */
  #line = 0;
  #began = false;
  /** Marks the last foreign switch that was told. */
  #foreign: string | undefined;
  #manifestProblem: string | undefined;

  constructor(store: ReleaseStore, options: StoreEventsOptions) {
    this.#store = store;
    this.#options = options;
    this.#after = options.after ?? beforeAllEvents;
    this.#foreign = this.#after.foreign;
    this.#tail = new HistoryTail(store);
  }

  /** What has come since the last time. */
  async *news(): AsyncGenerator<StoreEvent, void, undefined> {
    yield* this.#lines();
    if (!this.#began) this.#assertReached();
    this.#began = true;
    const found = await namingErrors(this.#store, () => this.#foreignManifest());
    if (!found || foreignMark(found) === this.#foreign) return;
    this.#foreign = foreignMark(found);
    yield foreignEvent(found, { store: this.#store.name, line: this.#line, seen: this.#store.platform.clock.now() });
  }

  async *#lines(): AsyncGenerator<StoreEvent, void, undefined> {
    const { follow = false, signal } = this.#options;
    for (;;) {
      throwIfInterrupted(signal, `watching ${this.#store.name}`);
      const { events, warnings, more, torn } = await this.#tail.look();
      for (const warning of warnings) this.#warn(warning);
      for (const event of events) {
        this.#line = Math.max(this.#line, event.id);
        if (event.id > this.#after.line) yield historyEvent(this.#store.name, event);
      }
      if (more) continue;
      // While it is followed, the next writer may be about to cut it off.
      if (torn !== undefined && !follow) this.#warn(torn);
      return;
    }
  }

  /** Ids that are yet to come would be passed over in silence. */
  #assertReached(): void {
    if (this.#after.line <= this.#line) return;
    const { name } = this.#store;
    throw new LockkeeperError("USAGE", `${name} has no event ${this.#after.line}; its last one is ${this.#line}`, {
      hint: "Leave --after out to begin with the first event. Ids count per store.",
      subject: name,
    });
  }

  /** A manifest that nobody can use tells nothing; it is warned of once, for a writer may be at it. */
  async #foreignManifest(): Promise<IdentifiedManifest | undefined> {
    const { platform, paths } = this.#store;
    if ((await platform.files.stat(paths.manifest)) === undefined) return undefined;
    try {
      const found = await lookAtManifest(this.#store);
      this.#manifestProblem = undefined;
      return found?.manifest.own ? undefined : found;
    } catch (error) {
      if (!isLockkeeperError(error)) throw error;
      if (error.message !== this.#manifestProblem) this.#warn(`switches of other programs are not told: ${error.message}`);
      this.#manifestProblem = error.message;
      return undefined;
    }
  }

  #warn(detail: string): void {
    this.#options.onWarning?.(`${this.#store.name}: ${detail}`);
  }
}
