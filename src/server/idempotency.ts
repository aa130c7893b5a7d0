import { createHash } from "node:crypto";
import type { Clock } from "../platform/port.ts";
import { publicError } from "./problem.ts";

/** Keys that are remembered at most, and for how long: a client that repeats a request does so within minutes. */
const keysMax = 1_000;
const rememberedMs = 24 * 3_600_000;

interface Entry {
  readonly request: string;
  readonly atMs: number;
  readonly outcome: Promise<unknown>;
}

/** What came of requests with an `Idempotency-Key`, so that one sent again is answered as it was and done once. In memory: after a restart `If-Match` stops the second. */
export class IdempotencyKeys {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Does `action` once a key, caller and request. What failed may be tried again. Throws `KEY_REUSED` for another request under the same key. */
  async once<Result>(
    { key, caller, request }: { readonly key: string | undefined; readonly caller: string; readonly request: unknown },
    action: () => Promise<Result>,
  ): Promise<Result> {
    if (key === undefined) return action();
    if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
      throw publicError("REQUEST_INVALID", "the header Idempotency-Key is no key", {
        hint: "Use 1 to 255 visible ASCII characters, such as a UUID.",
      });
    }
    this.#forgetOld();
    const name = JSON.stringify([caller, key]);
    const digest = createHash("sha256").update(JSON.stringify(request)).digest("hex");
    const known = this.#entries.get(name);
    if (known === undefined) return this.#start(name, digest, action);
    if (known.request === digest) return known.outcome as Promise<Result>;
    throw publicError("KEY_REUSED", "this Idempotency-Key was used before, for another request", {
      hint: "Make a new key for each request.",
    });
  }

  #start<Result>(name: string, request: string, action: () => Promise<Result>): Promise<Result> {
    const outcome = action();
    this.#entries.set(name, { request, atMs: this.#clock.monotonicMs(), outcome });
    outcome.catch(() => this.#entries.delete(name));
    return outcome;
  }

  #forgetOld(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [name, { atMs }] of this.#entries) {
      if (this.#entries.size < keysMax && nowMs - atMs < rememberedMs) break;
      this.#entries.delete(name);
    }
  }
}
