import { beforeAllEvents, cursorAfter, cursorText, isTold, type EventCursor, type StoreEvent } from "../../model/events.ts";
import type { EventConnection } from "./connection.ts";

/** What tells the events of stores. */
export interface EventSource {
  events(options: {
    readonly store: string;
    readonly after?: string | undefined;
    readonly follow?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly onWarning?: ((message: string) => void) | undefined;
  }): AsyncIterableIterator<StoreEvent>;
}

/** Hears of a follower. */
export interface FollowerOwner {
  /** It cannot follow any longer. Called once, and never after `stop()`. */
  readonly onFailure: (error: unknown) => void;
  readonly onWarning: (message: string) => void;
}

/** Follows one store for all its connections, from the moment it is made. */
export class StoreFollower {
  readonly connections = new Set<EventConnection>();
  /** Settles when `position` is the end of the history. Rejects as `workspace.events` does. */
  readonly ready: Promise<void>;
  readonly #source: EventSource;
  readonly #store: string;
  readonly #owner: FollowerOwner;
  readonly #stopping = new AbortController();
  readonly #following: Promise<void>;
  #position: EventCursor = beforeAllEvents;

  constructor(source: EventSource, store: string, owner: FollowerOwner) {
    this.#source = source;
    this.#store = store;
    this.#owner = owner;
    this.ready = this.#findEnd();
    this.#following = this.ready.then(() => this.#follow()).catch((error: unknown) => this.#fail(error));
  }

  /** The last event that was told to those who were there. */
  get position(): EventCursor {
    return this.#position;
  }

  /** Ends it; settles when nothing of it runs. */
  stop(): Promise<void> {
    this.#stopping.abort(new Error("nobody follows the store any longer"));
    return this.#following;
  }

  async #findEnd(): Promise<void> {
    const { signal } = this.#stopping;
    // What cannot be told is warned of once, by what follows.
    for await (const event of this.#source.events({ store: this.#store, signal, onWarning: () => undefined })) {
      this.#position = cursorAfter(this.#position, event);
    }
  }

  async #follow(): Promise<void> {
    const { onWarning } = this.#owner;
    const { signal } = this.#stopping;
    const after = cursorText(this.#position);
    for await (const event of this.#source.events({ store: this.#store, after, follow: true, signal, onWarning })) {
      if (typeof event.id === "number" && isTold(this.#position, event))
        throw new Error("the history was replaced: its ids begin anew");
      this.#position = cursorAfter(this.#position, event);
      for (const connection of this.connections) connection.event(event);
    }
    throw new Error("the store's events came to an end");
  }

  #fail(error: unknown): void {
    if (!this.#stopping.signal.aborted) this.#owner.onFailure(error);
  }
}
