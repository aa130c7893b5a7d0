// @ts-check
import { setTimeout as wait } from "node:timers/promises";

/**
 * Waits, and says whether all of it was waited: false when `over` aborts.
 *
 * @param {AbortSignal} over
 * @param {number} ms
 */
export async function pauseUnless(over, ms) {
  if (over.aborted) return false;
  await wait(ms, undefined, { signal: over }).catch(() => undefined);
  return !over.aborted;
}
