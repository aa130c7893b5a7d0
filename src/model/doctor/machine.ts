import { formatBytes } from "../units.ts";
import { fail, pass, warn, type Verdict } from "./check.ts";

/** Fewer descriptors than this are warned of: what Linux gives a process unless somebody lowers it. */
export const descriptorsMin = 1_024;

/** Memory a thread of DuckDB needs at least, by DuckDB's guide to its environment. Bytes. */
export const memoryPerThread = 125_000_000;

/** Whether a version of Node is one that the package runs on. `range` is package.json's: `>=20.19`. */
export function judgeNode(version: string, range: string): Verdict {
  const observed = `Node ${version}; the package needs ${range}`;
  const [, least = ""] = /^>=(\d+(?:\.\d+){0,2})$/.exec(range) ?? [];
  return compareVersions(version, least) >= 0
    ? pass(observed)
    : fail(observed, "Install a newer Node; the oldest that works is the one named here.");
}

function compareVersions(left: string, right: string): number {
  const numbers = (text: string) => text.split(".").map((part) => Number.parseInt(part, 10) || 0);
  const [ours, theirs] = [numbers(left), numbers(right)];
  const index = [0, 1, 2].find((place) => (ours[place] ?? 0) !== (theirs[place] ?? 0));
  return index === undefined ? 0 : (ours[index] ?? 0) - (theirs[index] ?? 0);
}

/** Files a process may have open; `undefined` where the system does not tell, `Infinity` for no limit. */
export function judgeDescriptors(limit: number | undefined): Verdict {
  if (limit === undefined) return pass("this system does not tell how many files a process may open");
  if (limit === Infinity) return pass("no limit of open files");
  const observed = `${limit} files may be open in one process`;
  return limit >= descriptorsMin
    ? pass(observed)
    : warn(
        observed,
        `Raise the hard limit to ${descriptorsMin} or more: LimitNOFILE of the service, or \`ulimit -Hn\`; Node takes as many.`,
      );
}

/** Memory that a process may still take, against what DuckDB needs for a thread on each processor. */
export function judgeMemory({
  availableBytes,
  processors,
}: {
  readonly availableBytes: number;
  readonly processors: number;
}): Verdict {
  const needed = processors * memoryPerThread;
  const observed = `${formatBytes(availableBytes)} of memory are available; DuckDB needs ${formatBytes(needed)} for ${processors} threads`;
  return availableBytes >= needed
    ? pass(observed)
    : warn(observed, "Give the machine or container more memory, or set reader.limits.threads of the stores lower.");
}

/** The time zone that this process goes by; Node has none for a name in `TZ` that it does not know, and goes by UTC. */
export function judgeTimeZone({
  zone,
  variable,
}: {
  readonly zone: string | undefined;
  readonly variable: string | undefined;
}): Verdict {
  if (zone !== undefined && zone !== "Etc/Unknown")
    return pass(`${zone}; records, events and the command line speak of UTC throughout`);
  return warn(
    variable === undefined
      ? "the system names no time zone; UTC is used"
      : `TZ is "${variable}", which is no time zone; UTC is used`,
    "Builds that ask for today's date may get another one than you expect: set TZ to a name such as Europe/Berlin, or to UTC.",
  );
}

/** Queries at a time against the threads of Node's pool, which each of them keeps one of (FACTS 1.9). */
export function judgePool({
  threads,
  isSet,
  concurrency,
}: {
  readonly threads: number;
  /** Whether `UV_THREADPOOL_SIZE` is set. */
  readonly isSet: boolean;
  readonly concurrency: number;
}): Verdict {
  const pool = `${threads} threads in the pool (UV_THREADPOOL_SIZE is ${isSet ? "set" : "not set"} here)`;
  const observed = `${concurrency} queries at a time, ${pool}`;
  if (concurrency < threads) return pass(observed);
  const lower = threads > 1 ? `, or set reader.limits.concurrency to ${threads - 1}` : "";
  return warn(
    `${observed}: queries can fill it, and then whatever else needs a thread waits for one of them`,
    `Start readers with UV_THREADPOOL_SIZE=${concurrency + 1} or more${lower}.`,
  );
}
