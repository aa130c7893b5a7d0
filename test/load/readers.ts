import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { distUrl, startProgram, type Child } from "../support/child.ts";

const script = fileURLToPath(new URL("reader-process.mjs", import.meta.url));

/** What a reader process saw. `seen` maps "release version" to the build tags in its answers, with how often. */
export interface LoadReport {
  readonly requests: number;
  readonly failed: string[];
  readonly lockErrors: number;
  readonly mixed: unknown[];
  readonly backwards: unknown[];
  readonly seen: Record<string, Record<string, number>>;
  /** What travellers saw: release to build tags, with how often. */
  readonly travelled: Record<string, Record<string, number>>;
  /** Releases that travellers were told are not kept (any more). */
  readonly gone: string[];
  /** Resident bytes that it needed, every 250 ms. */
  readonly memory: number[];
  readonly descriptors: { readonly start: number; readonly end: number };
  readonly status: { readonly servingVersion: number };
}

/** How a reader process asks. */
export interface Asking {
  readonly loops: number;
  /** More loops, which ask for older releases. */
  readonly travellers?: number;
  /** Between two requests of a loop: without it reading takes all cores, and who publishes waits for them. */
  readonly pauseMs: number;
}

/** Starts a reader process. */
export async function startReader(options: Record<string, unknown>, asking: Asking): Promise<Child> {
  const child = startProgram([
    process.execPath,
    script,
    JSON.stringify({ reader: distUrl("workspace/open-reader.js"), options, ...asking }),
  ]);
  await child.line("ready");
  return child;
}

/** Stops a reader process and takes its report. */
export async function stopReader(child: Child): Promise<LoadReport> {
  child.send("stop");
  return JSON.parse((await child.line("report ")).slice("report ".length)) as LoadReport;
}

/** Nothing failed, nothing was mixed, no version went back, and each release's answers came from the one build that made it. */
export function expectFaultless(report: LoadReport, tagOf: ReadonlyMap<string, number>): void {
  expect(report.failed).toEqual([]);
  expect(report.lockErrors).toBe(0);
  expect(report.mixed).toEqual([]);
  expect(report.backwards).toEqual([]);
  for (const [release, tags] of Object.entries(report.seen))
    expect([release, Object.keys(tags)]).toEqual([release, [String(tagOf.get(release))]]);
}

/** Samples in a window of five seconds. */
const windowSamples = 20;

/**
 * Growth of memory over the last half of a run, as a share of what it was: a straight line through the lowest sample of each five seconds. What lies
 * above that floor is in use for a moment (two generations, a spare, results); a leak is a floor that rises. The slope is the median over all
 * pairs (Theil–Sen), which a single odd window does not tilt.
 */
export function lastHalfFloorSlope(report: Pick<LoadReport, "memory">): number {
  const windows = Math.floor(report.memory.length / windowSamples);
  const floors = Array.from({ length: windows }, (_, at) =>
    Math.min(...report.memory.slice(at * windowSamples, (at + 1) * windowSamples)),
  );
  const half = floors.slice(Math.floor(windows / 2));
  expect(half.length).toBeGreaterThanOrEqual(4);
  const slopes = half.flatMap((from, left) => half.slice(left + 1).map((to, offset) => (to - from) / (offset + 1)));
  return (median(slopes) * (half.length - 1)) / median(half);
}

/**
 * The same growth as plain least squares through every sample of the last half. Told beside the floor's, not held to a bound here: it also follows
 * what is in use for a moment. The soak, which lasts longer and asks less, holds it to one.
 */
export function lastHalfPlainSlope(report: Pick<LoadReport, "memory">): number {
  const half = report.memory.slice(Math.floor(report.memory.length / 2));
  const meanX = (half.length - 1) / 2;
  const meanY = half.reduce((sum, bytes) => sum + bytes, 0) / half.length;
  const covariance = half.reduce((sum, bytes, x) => sum + (x - meanX) * (bytes - meanY), 0);
  const variance = half.reduce((sum, _bytes, x) => sum + (x - meanX) ** 2, 0);
  return ((covariance / variance) * (half.length - 1)) / meanY;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
