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
  readonly memory: [requests: number, bytes: number][];
  readonly descriptors: { readonly start: number; readonly end: number };
  readonly status: { readonly servingVersion: number };
}

/** Starts a reader process with `loops` closed loops. */
export async function startReader(options: Record<string, unknown>, loops: number): Promise<Child> {
  const child = startProgram([
    process.execPath,
    "--expose-gc",
    script,
    JSON.stringify({ reader: distUrl("workspace/open-reader.js"), options, loops }),
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

/** Growth of memory over the last half of a run, as a share of what it was at the half: slope of a straight line through the samples. */
export function lastHalfSlope(report: LoadReport): number {
  const half = report.memory.slice(Math.floor(report.memory.length / 2)).map(([, bytes]) => bytes);
  const meanX = (half.length - 1) / 2;
  const meanY = half.reduce((sum, bytes) => sum + bytes, 0) / half.length;
  const covariance = half.reduce((sum, bytes, x) => sum + (x - meanX) * (bytes - meanY), 0);
  const variance = half.reduce((sum, _bytes, x) => sum + (x - meanX) ** 2, 0);
  return ((covariance / variance) * half.length) / meanY;
}
