import { isLockkeeperError, LockkeeperError } from "./lockkeeper-error.ts";

/** `INTERRUPTED` for an aborted signal; `what` completes "… was interrupted". */
export function interruptedError(what: string, cause: unknown): LockkeeperError {
  if (isLockkeeperError(cause, "INTERRUPTED")) return cause;
  return new LockkeeperError("INTERRUPTED", `${what} was interrupted`, { hint: "Nothing was switched; run it again.", cause });
}

/** Throws `INTERRUPTED` when `signal` has aborted. */
export function throwIfInterrupted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw interruptedError(what, signal.reason);
}
