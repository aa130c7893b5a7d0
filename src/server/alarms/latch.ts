import type { AlarmLevel, Trouble } from "./alarm.ts";

/** Trouble that holds, with its beginning. */
export interface HeldTrouble extends Trouble {
  readonly since: Date;
}

/** What a look changed. `cleared` has what held before. */
export interface LatchChange {
  readonly kind: "raised" | "cleared";
  readonly trouble: HeldTrouble;
}

/**
 * Holds the trouble of one alarm. It changes when two looks in a row agree, so that something that is so at one look only neither raises an alarm
 * nor clears one.
 */
export class Latch {
  #held: HeldTrouble | undefined;
  /** What the last look saw, where that is not what is held. */
  #seen: { readonly level: AlarmLevel | "none"; readonly at: Date } | undefined;

  /** What holds. */
  get held(): HeldTrouble | undefined {
    return this.#held;
  }

  /** Takes what a look at `now` found. */
  see(trouble: Trouble | undefined, now: Date): LatchChange | undefined {
    const level = trouble?.level ?? "none";
    const held = this.#held;
    if (level === (held?.level ?? "none")) {
      this.#seen = undefined;
      if (held && trouble) this.#held = { ...trouble, since: held.since };
      return undefined;
    }
    if (this.#seen?.level !== level) {
      this.#seen = { level, at: now };
      return undefined;
    }
    const since = held?.since ?? trouble?.since ?? this.#seen.at;
    this.#seen = undefined;
    this.#held = trouble && { ...trouble, since };
    if (this.#held) return { kind: "raised", trouble: this.#held };
    return held && { kind: "cleared", trouble: held };
  }
}
