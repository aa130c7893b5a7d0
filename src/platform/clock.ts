import type { Clock } from "./port.ts";

/** The clock of this machine. */
export const nodeClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  // CLOCK_MONOTONIC (Linux), mach_absolute_time (macOS), QueryPerformanceCounter (Windows): each counts from the boot. The uptime of `node:os` may be a
  // container's own.
  uptimeMs: () => Number(process.hrtime.bigint() / 1_000_000n),
  wait(ms, { signal, idle = false } = {}) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      if (idle) timer.unref();
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  },
  every(ms, action) {
    const timer = setInterval(action, ms).unref();
    return () => clearInterval(timer);
  },
};
