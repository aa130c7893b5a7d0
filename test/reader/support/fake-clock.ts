import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../../src/platform/port.ts";

interface Timer {
  dueMs: number;
  readonly fire: () => void;
  readonly everyMs?: number;
}

/** A clock that stands still until it is advanced: no test waits, and none depends on how fast the machine is. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  now(): Date {
    return new Date(Date.UTC(2026, 10, 21) + this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  uptimeMs(): number {
    return this.#nowMs;
  }

  /** Timers that are set now. */
  get pending(): number {
    return this.#timers.size;
  }

  wait(ms: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        this.#timers.delete(timer);
        reject(signal?.reason as Error);
      };
      const fire = (): void => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const timer: Timer = { dueMs: this.#nowMs + ms, fire };
      this.#timers.add(timer);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  every(ms: number, action: () => void): () => void {
    const timer: Timer = { dueMs: this.#nowMs + ms, fire: action, everyMs: ms };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves time on, timer by timer, letting everything that each one woke come to rest. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers]
        .filter((timer) => timer.dueMs <= endMs)
        .toSorted((left, right) => left.dueMs - right.dueMs)[0];
      if (due === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, due.dueMs);
      if (due.everyMs === undefined) this.#timers.delete(due);
      else due.dueMs += due.everyMs;
      due.fire();
      await settle();
    }
    this.#nowMs = endMs;
  }

  /** Advances until `promise` has settled; fails after `limitMs` of its time. */
  async until<T>(promise: Promise<T>, limitMs = 120_000): Promise<T> {
    const watch = { pending: true };
    const watched = promise.finally(() => (watch.pending = false));
    watched.catch(() => {});
    await settle();
    for (let waitedMs = 0; watch.pending; waitedMs += 1) {
      if (waitedMs > limitMs) throw new Error(`not settled after ${limitMs} ms of fake time`);
      await this.advance(1);
    }
    return watched;
  }
}

/** Lets every promise that can go on go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
}
