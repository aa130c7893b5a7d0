import type { Clock } from "../platform/port.ts";
import { publicError } from "./problem.ts";

/** How many requests a gate lets through. */
export interface GateLimits {
  /** Running at a time. */
  readonly concurrency: number;
  /** Waiting at a time; one more is turned away. */
  readonly queueMax: number;
  /** The longest that one waits. Milliseconds. */
  readonly queueWaitMs: number;
}

interface Waiter {
  readonly client: string;
  readonly enter: () => void;
}

/**
 * Lets so many run at a time and so many wait, in order. No client may have more than half of the waiting places, so that one that asks without
 * end cannot keep the others out.
 */
export class Gate {
  readonly #limits: GateLimits;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();
  /** `entered` runs or ran; the others were turned away: no room, too much for one client, too long a wait. */
  readonly counts = { entered: 0, full: 0, share: 0, late: 0 };
  #running = 0;

  constructor(limits: GateLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Running and waiting now. */
  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.#running, waiting: this.#waiting.size };
  }

  /**
   * Waits for a place and takes it; what it returns gives the place back and may be called twice. Throws `OVERLOADED` when the queue is full or the wait too long,
   * `TOO_MANY_REQUESTS` when this client has its share of it, and the signal's reason when it aborts.
   */
  async enter(client: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#running >= this.#limits.concurrency) await this.#wait(client, signal);
    else this.#running += 1;
    this.counts.entered += 1;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#leave();
    };
  }

  async #wait(client: string, signal: AbortSignal): Promise<void> {
    this.#assertRoom(client);
    const timer = new AbortController();
    let waiter: Waiter | undefined;
    const turn = new Promise<"entered">((resolve) => {
      waiter = { client, enter: () => resolve("entered") };
      this.#waiting.add(waiter);
    });
    const stop = AbortSignal.any([signal, timer.signal]);
    const late = this.#clock.wait(this.#limits.queueWaitMs, { signal: stop, idle: true }).then(
      () => "late" as const,
      () => "aborted" as const,
    );
    const outcome = await Promise.race([turn, late]);
    timer.abort();
    if (outcome === "entered") return;
    // It may have been let in in the very turn in which it gave up: then its place is another's.
    if (waiter && !this.#waiting.delete(waiter)) this.#leave();
    signal.throwIfAborted();
    this.counts.late += 1;
    throw publicError("OVERLOADED", `no turn came within ${this.#limits.queueWaitMs} ms`, { hint: "Ask again shortly." });
  }

  #assertRoom(client: string): void {
    const { queueMax } = this.#limits;
    if (this.#waiting.size >= queueMax) {
      this.counts.full += 1;
      throw publicError("OVERLOADED", `${queueMax} requests wait already`, { hint: "Ask again shortly." });
    }
    const share = Math.max(1, Math.ceil(queueMax / 2));
    let own = 0;
    for (const waiter of this.#waiting) if (waiter.client === client) own += 1;
    if (own < share) return;
    this.counts.share += 1;
    throw publicError("TOO_MANY_REQUESTS", `${own} requests of this client wait already, which is its share`, {
      hint: "Ask fewer things at a time.",
    });
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    this.#waiting.delete(next);
    next.enter();
  }
}
