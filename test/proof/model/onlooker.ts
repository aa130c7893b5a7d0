import type { Gate, Step } from "./machine.ts";

/**
 * A gate that looks on and lets everything pass. What a look throws is kept for `rethrow` and ends the looking: thrown into the operation it would be taken for a
 * failing disk, and forgiven where an operation forgives one.
 */
export class Onlooker {
  readonly #look: (step: Step) => Promise<void> | void;
  #failure: { readonly error: unknown } | undefined;

  constructor(look: (step: Step) => Promise<void> | void) {
    this.#look = look;
  }

  readonly gate: Gate = async (step) => {
    if (this.#failure) return;
    try {
      await this.#look(step);
    } catch (error) {
      this.#failure = { error };
    }
  };

  /** Throws what a look threw. */
  rethrow(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
