import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Session } from "./session.ts";
import type { StopReason } from "./stopper.ts";

interface Waiter {
  readonly resolve: (session: Session) => void;
  readonly reject: (error: unknown) => void;
}

/** Up to `concurrency` sessions; callers beyond that wait in the order in which they came. */
export class Sessions {
  readonly #open: () => Promise<Session>;
  readonly #concurrency: number;
  readonly #idle: Session[] = [];
  readonly #busy = new Set<Session>();
  readonly #waiters = new Set<Waiter>();
  /** Open sessions, and those being opened. */
  #count = 0;
  #closed = false;
  #onQuiet: (() => void) | undefined;

  constructor(open: () => Promise<Session>, concurrency: number) {
    this.#open = open;
    this.#concurrency = concurrency;
  }

  /** Lends a session to `action` alone. Throws `INTERRUPTED` when the signal aborts or the pool closes while waiting. */
  async use<T>(signal: AbortSignal | undefined, action: (session: Session) => Promise<T>): Promise<T> {
    if (signal?.aborted) throw aborted();
    // The one used last, whose prepared statements are warm.
    const session = this.#idle.pop() ?? (await this.#acquire(signal));
    this.#busy.add(session);
    try {
      // A signal that aborted or a pool that closed while the session was opened.
      if (signal?.aborted || this.#closed) throw aborted();
      return await action(session);
    } finally {
      this.#busy.delete(session);
      this.#giveBack(session);
    }
  }

  /** Stops everything: what runs is interrupted, what waits is turned away. */
  interrupt(reason: StopReason): void {
    for (const waiter of this.#waiters) waiter.reject(aborted());
    this.#waiters.clear();
    for (const session of this.#busy) session.interrupt(reason);
  }

  /** Interrupts, waits until no call is in flight, then closes every connection (FACTS 1.6). */
  async close(): Promise<void> {
    this.#closed = true;
    this.interrupt("interrupt");
    for (const session of this.#idle.splice(0)) this.#drop(session);
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      this.#onQuiet = resolve;
    });
  }

  async #acquire(signal: AbortSignal | undefined): Promise<Session> {
    if (this.#count < this.#concurrency) return this.#openOne();
    return new Promise<Session>((resolve, reject) => {
      const onAbort = () => {
        this.#waiters.delete(waiter);
        reject(aborted());
      };
      const settle = <Value>(action: (value: Value) => void) => {
        return (value: Value) => {
          signal?.removeEventListener("abort", onAbort);
          action(value);
        };
      };
      const waiter: Waiter = { resolve: settle(resolve), reject: settle(reject) };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  async #openOne(): Promise<Session> {
    this.#count += 1;
    try {
      return await this.#open();
    } catch (error) {
      this.#uncount();
      throw error;
    }
  }

  #giveBack(session: Session): void {
    if (session.broken || this.#closed) return this.#drop(session);
    const waiter = this.#nextWaiter();
    if (waiter) waiter.resolve(session);
    else this.#idle.push(session);
  }

  #drop(session: Session): void {
    session.close();
    this.#uncount();
  }

  #uncount(): void {
    this.#count -= 1;
    if (this.#count === 0) this.#onQuiet?.();
    if (this.#closed) return;
    const waiter = this.#nextWaiter();
    if (waiter) this.#openOne().then(waiter.resolve, waiter.reject);
  }

  #nextWaiter(): Waiter | undefined {
    const [waiter] = this.#waiters;
    if (waiter) this.#waiters.delete(waiter);
    return waiter;
  }
}

function aborted(): LockkeeperError {
  return new LockkeeperError("INTERRUPTED", "the query was interrupted before it ran");
}
