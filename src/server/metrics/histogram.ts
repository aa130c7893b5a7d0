/** Observations by size, in plain numbers: one costs a few comparisons. */
export class Histogram {
  /** Upper bounds, rising. */
  readonly bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  /** Everything that was observed, added up. */
  get sum(): number {
    return this.#sum;
  }

  /** How many observations there were. */
  get count(): number {
    return this.#count;
  }

  /** Adds one. */
  observe(value: number): void {
    const index = this.bounds.findIndex((bound) => value <= bound);
    if (index >= 0) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
    this.#count += 1;
  }

  /** How many observations are at most each bound. */
  cumulated(): { readonly bound: number; readonly count: number }[] {
    let count = 0;
    return this.bounds.map((bound, index) => ({ bound, count: (count += this.#counts[index] ?? 0) }));
  }
}
