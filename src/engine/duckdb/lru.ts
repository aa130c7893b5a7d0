/** A bounded map that forgets what was used longest ago. */
export class Lru<Value> {
  readonly #entries = new Map<string, Value>();
  readonly #sizeMax: number;
  readonly #onForget: (value: Value) => void;

  constructor(sizeMax: number, onForget: (value: Value) => void = () => undefined) {
    this.#sizeMax = sizeMax;
    this.#onForget = onForget;
  }

  get(key: string): Value | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: string, value: Value): void {
    const old = this.#entries.get(key);
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (old !== undefined) this.#onForget(old);
    if (this.#entries.size <= this.#sizeMax) return;
    const [oldest] = this.#entries;
    if (!oldest) return;
    this.#entries.delete(oldest[0]);
    this.#onForget(oldest[1]);
  }
}
