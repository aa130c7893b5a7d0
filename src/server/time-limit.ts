import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { Clock } from "../platform/port.ts";

/** How long something may take. */
export interface TimeLimit {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly maxMs: number;
  /** Ends it before. */
  readonly signal: AbortSignal;
}

/** What `action` comes to; its signal aborts with the caller's, or when the time is over. Throws `LIMIT_TIME` then, and what `action` throws. */
export async function withinTime<Result>(
  { clock, maxMs, signal }: TimeLimit,
  action: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const over = new AbortController();
  const done = new AbortController();
  const timer = clock.wait(maxMs, { signal: done.signal, idle: true }).then(
    () => over.abort(),
    () => undefined,
  );
  try {
    return await action(AbortSignal.any([signal, over.signal]));
  } catch (cause) {
    if (!over.signal.aborted || signal.aborted) throw cause;
    throw new LockkeeperError("LIMIT_TIME", `the request ran longer than ${maxMs} ms`, { cause });
  } finally {
    done.abort();
    await timer;
  }
}
