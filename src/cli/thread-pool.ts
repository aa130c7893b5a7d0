import { threadPoolSize } from "../engine/duckdb/concurrency.ts";
import { runInPlace } from "../platform/foreground.ts";
import { endWithStarter } from "../platform/orphan.ts";

/** Names the process that started this one for its thread pool. */
const starterVariable = "LOCKKEEPER_STARTER";

/** What Node takes at most. */
const threadsMax = 1_024;

/**
 * Runs this command once more with a thread pool of at least `threads`, where this process has fewer: the pool is there before the first line of a program, so that only its environment decides
 * (FACTS 1.9). Resolves with the exit code of the second; with `undefined` where this process is the one to go on. The second ends with the first, however that ends.
 */
export async function runWithThreads(threads: number): Promise<number | undefined> {
  const starter = process.env[starterVariable];
  if (starter !== undefined) {
    delete process.env[starterVariable];
    endWithStarter(starter);
    return undefined;
  }
  const wanted = Math.min(threads, threadsMax);
  if (threadPoolSize() >= wanted) return undefined;
  const { exit } = await runInPlace([...process.execArgv, ...process.argv.slice(1)], {
    UV_THREADPOOL_SIZE: String(wanted),
    [starterVariable]: String(process.pid),
  });
  return exit;
}
