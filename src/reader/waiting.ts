import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { Clock } from "../platform/port.ts";

/** How long a request may wait. */
export interface Deadline {
  /** Milliseconds that are left; 0 or less when it has passed. */
  leftMs(): number;
  readonly signal: AbortSignal | undefined;
}

/** A deadline `ms` from now. */
export function deadlineIn(clock: Clock, ms: number, signal?: AbortSignal): Deadline {
  const end = clock.monotonicMs() + ms;
  return { leftMs: () => end - clock.monotonicMs(), signal };
}

/** Waits `ms`, or until the abort, which is no error here. */
export async function sleep(
  clock: Clock,
  ms: number,
  options: { readonly signal?: AbortSignal; readonly idle?: boolean } = {},
): Promise<void> {
  try {
    await clock.wait(ms, options);
  } catch (error) {
    if (options.signal?.aborted !== true) throw error;
  }
}

/** Waits `ms`. Throws `INTERRUPTED` when the caller's signal aborts. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  throwIfAborted(signal);
  await sleep(clock, ms, signal === undefined ? {} : { signal });
  throwIfAborted(signal);
}

/** Throws `INTERRUPTED` when the signal has aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new LockkeeperError("INTERRUPTED", "the caller aborted the request", { cause: signal.reason });
}

/** What `promise` resolves to, or `undefined` when the deadline passes before. Throws `INTERRUPTED` when the caller's signal aborts. */
export async function within<T extends object>(clock: Clock, promise: Promise<T>, deadline: Deadline): Promise<T | undefined> {
  const { signal } = deadline;
  const timer = new AbortController();
  const abort = (): void => timer.abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    throwIfAborted(signal);
    const late = sleep(clock, Math.max(deadline.leftMs(), 0), { signal: timer.signal });
    const first = await Promise.race([promise, late]);
    throwIfAborted(signal);
    return first ?? undefined;
  } finally {
    timer.abort();
    signal?.removeEventListener("abort", abort);
  }
}

/** Something that many can wait for and that happens again and again. */
export class Notice {
  readonly #waiting = new Set<() => void>();

  /** Wakes everybody who waits now. */
  ring(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Resolves at the next ring, after `ms`, or with the abort, which throws `INTERRUPTED`. */
  async wait(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
    const timer = new AbortController();
    const abort = (): void => timer.abort();
    signal?.addEventListener("abort", abort, { once: true });
    this.#waiting.add(abort);
    try {
      throwIfAborted(signal);
      await sleep(clock, ms, { signal: timer.signal });
      throwIfAborted(signal);
    } finally {
      this.#waiting.delete(abort);
      signal?.removeEventListener("abort", abort);
    }
  }
}
