/** What Node uses where `UV_THREADPOOL_SIZE` is not set. */
const poolSizeDefault = 4;
const poolSizeMax = 1024;

/**
 * Threads of Node's worker pool. A query occupies one of them for its whole run, and so does every file operation;
 * the variable counts only where it was set before Node started.
 */
export function threadPoolSize(environment: Readonly<Record<string, string | undefined>> = process.env): number {
  const size = Number.parseInt(environment["UV_THREADPOOL_SIZE"] ?? "", 10);
  if (Number.isNaN(size)) return poolSizeDefault;
  return Math.min(Math.max(size, 1), poolSizeMax);
}

/** Queries at a time that leave a thread for everything else: the pool's size minus one, at least 1. */
export function defaultConcurrency(environment?: Readonly<Record<string, string | undefined>>): number {
  return Math.max(threadPoolSize(environment) - 1, 1);
}

/** `concurrency` as it is carried out: at least 1 and never more than the pool has threads. */
export function clampConcurrency(concurrency: number): number {
  return Math.min(Math.max(Math.trunc(concurrency) || 1, 1), threadPoolSize());
}
