/** An answer that is kept whole. */
export interface CachedAnswer {
  readonly bytes: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** Of one answer beside its bytes: key, headers, bookkeeping. A rough figure, so that millions of empty answers are not free. */
const entryBytes = 512;

interface Flight {
  readonly answer: Promise<CachedAnswer>;
  readonly controller: AbortController;
  waiting: number;
}

/**
 * Answers by key, the least recently asked for dropped first, bounded in bytes; whoever asks for what is being made waits for that instead of making it again. Keys name the release,
 * so nothing in here is ever wrong, only unused.
 */
export class AnswerCache {
  readonly #bytesMax: number;
  readonly #entries = new Map<string, CachedAnswer>();
  readonly #flights = new Map<string, Flight>();
  readonly counts = { hits: 0, misses: 0, shared: 0 };
  #bytes = 0;
  /** What was asked for last stands last already. */
  #newest: string | undefined;

  /** `bytesMax` 0 keeps nothing; requests at the same time still share one answer. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What is kept. */
  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries.size, bytes: this.#bytes };
  }

  /** The kept answer, or `undefined`. */
  get(key: string): CachedAnswer | undefined {
    const found = this.#entries.get(key);
    if (found === undefined) return undefined;
    this.counts.hits += 1;
    if (key === this.#newest) return found;
    this.#entries.delete(key);
    this.#put(key, found);
    return found;
  }

  /**
   * The answer of a key: kept, being made, or made now. `make`'s signal aborts when everybody who waits for it has gone; one who goes, by `signal`, harms nobody else. Throws
   * what `make` throws, to all who waited, and the signal's reason.
   */
  async share(key: string, signal: AbortSignal, make: (signal: AbortSignal) => Promise<CachedAnswer>): Promise<CachedAnswer> {
    const kept = this.get(key);
    if (kept !== undefined) return kept;
    const under = this.#flights.get(key);
    if (under === undefined) this.counts.misses += 1;
    else this.counts.shared += 1;
    return this.#join(under ?? this.#start(key, make), signal);
  }

  #start(key: string, make: (signal: AbortSignal) => Promise<CachedAnswer>): Flight {
    const controller = new AbortController();
    const answer = make(controller.signal);
    const flight: Flight = { answer, controller, waiting: 0 };
    this.#flights.set(key, flight);
    const settle = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    answer.then(
      (made) => {
        settle();
        this.#keep(key, made);
      },
      () => settle(),
    );
    controller.signal.addEventListener("abort", settle, { once: true });
    return flight;
  }

  async #join(flight: Flight, signal: AbortSignal): Promise<CachedAnswer> {
    flight.waiting += 1;
    let onAbort: (() => void) | undefined;
    const gone = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason as Error);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
    try {
      return await Promise.race([flight.answer, gone]);
    } finally {
      if (onAbort) signal.removeEventListener("abort", onAbort);
      flight.waiting -= 1;
      if (flight.waiting === 0) flight.controller.abort(new Error("nobody waits for the answer any more"));
    }
  }

  #keep(key: string, answer: CachedAnswer): void {
    const bytes = answer.bytes.byteLength + entryBytes;
    // One answer never takes the place of most others.
    if (bytes * 4 > this.#bytesMax) return;
    this.#put(key, answer);
    this.#bytes += bytes;
    for (const [oldest, dropped] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#entries.delete(oldest);
      this.#bytes -= dropped.bytes.byteLength + entryBytes;
    }
  }

  #put(key: string, answer: CachedAnswer): void {
    this.#entries.set(key, answer);
    this.#newest = key;
  }
}
