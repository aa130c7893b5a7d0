import { firstLine, type LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { Rel } from "../model/plan.ts";

/** What a reader tells, by event. Versions are `undefined` where there is none to tell. */
export interface ReaderEvents {
  /** Another release serves from now on. */
  switch: {
    readonly release: string;
    readonly version: number;
    readonly previous: Rel;
    readonly active: string | undefined;
    readonly lastUpdated: string | undefined;
    readonly mode: "manifest" | "fallback";
  };
  /** What is published cannot be served; the last good release serves on. Told once until `recovered`. */
  degraded: { readonly error: LockkeeperError; readonly servingVersion: number; readonly publishedVersion: number | undefined };
  /** What is published serves again. */
  recovered: Rel;
  /** Something a person should look at. */
  warning: { readonly message: string };
}

/** The name of an event. */
export type ReaderEventName = keyof ReaderEvents;

/** What is called for an event; what it throws becomes a warning. */
export type ReaderListener<Name extends ReaderEventName> = (event: ReaderEvents[Name]) => void;

/** Delivers a reader's events. A listener cannot harm the reader. */
export class EventHub {
  readonly #listeners = new Map<ReaderEventName, Set<(event: never) => unknown>>();
  readonly #unheard: (message: string) => void;

  /** `unheard` takes the warnings that nobody listens to. */
  constructor(unheard: (message: string) => void) {
    this.#unheard = unheard;
  }

  /** Returns what stops it. */
  on<Name extends ReaderEventName>(name: Name, listener: ReaderListener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    const entry = (event: ReaderEvents[Name]): unknown => listener(event);
    listeners.add(entry);
    return () => listeners.delete(entry);
  }

  emit<Name extends ReaderEventName>(name: Name, event: ReaderEvents[Name]): void {
    const listeners = [...(this.#listeners.get(name) ?? [])];
    for (const listener of listeners) this.#call(name, () => listener(event as never));
  }

  /** A warning event, or `unheard` where nobody listens. */
  readonly warn = (message: string): void => {
    if ((this.#listeners.get("warning")?.size ?? 0) > 0) this.emit("warning", { message });
    else this.#unheard(message);
  };

  #call(name: ReaderEventName, call: () => unknown): void {
    const failed = (error: unknown): void => this.#unheard(`a listener of "${name}" threw: ${firstLine(error)}`);
    try {
      const returned = call();
      if (returned instanceof Promise) returned.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}
