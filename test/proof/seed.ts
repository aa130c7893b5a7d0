/** Chance that is the same again for the same seed (mulberry32). */
export class Seed {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 up to, not including, 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, not including, `below`. */
  below(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  /** `count` bytes as lower-case hex. */
  hex(count: number): string {
    return Array.from({ length: count }, () => this.below(256).toString(16).padStart(2, "0")).join("");
  }

  /** The items in an order of chance. */
  shuffled<T>(items: readonly T[]): T[] {
    const keyed = items.map((item) => ({ item, key: this.fraction() }));
    return keyed.toSorted((left, right) => left.key - right.key).map(({ item }) => item);
  }
}

/**
 * The seed of a proof's run: the environment variable `LOCKKEEPER_SEED`, which replays a failure, else `usual`, else a new one.
 * Prints what replays it. Throws for a value that is no whole number.
 */
export function proofSeed(usual?: number): number {
  const asked = process.env["LOCKKEEPER_SEED"];
  const seed = asked === undefined ? (usual ?? Math.floor(Math.random() * 2 ** 31)) : Number(asked);
  if (!Number.isSafeInteger(seed)) throw new Error(`LOCKKEEPER_SEED must be a whole number, not ${asked}`);
  process.stdout.write(`seed ${seed} (LOCKKEEPER_SEED=${seed} replays it)\n`);
  return seed;
}
