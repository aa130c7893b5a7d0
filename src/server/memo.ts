/** What was worked out lately, by key: the oldest is forgotten first. For pure work alone, whose outcome its key decides. */
export class Memo<Value> {
  readonly #entriesMax: number;
  readonly #values = new Map<string, Value>();

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  /** The value of a key, made where it is not remembered. What `make` throws is not remembered. */
  get(key: string, make: () => Value): Value {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const value = make();
    if (this.#values.size >= this.#entriesMax) {
      const [oldest] = this.#values.keys();
      if (oldest !== undefined) this.#values.delete(oldest);
    }
    this.#values.set(key, value);
    return value;
  }
}
