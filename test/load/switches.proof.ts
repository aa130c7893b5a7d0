import { expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { taggedBuild } from "./publishers.ts";
import { expectFaultless, lastHalfFloorSlope, lastHalfPlainSlope, startReader, stopReader } from "./readers.ts";

const switches = 400;

/**
 * Memory that a reader needs rises for its first 15 to 20 seconds and then rests. One that is stopped gives pages back meanwhile and takes them again when it goes on, which is no growth:
 * it is stopped early, and switches go on for so long, where they are fast, that the last half of each reader lies behind both.
 */
const leastMs = 60_000;

test(
  `${switches} switches under an 8-way load in each of three reader processes, one of them stopped for a while`,
  { timeout: 1_200_000 },
  async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    const tagOf = new Map<string, number>();
    const tagOfRelease = new Map<string, number>();
    const out = async (tag: number) => {
      const result = await publish(store, taggedBuild(tag));
      expect(result.outcome).toBe("switched");
      tagOfRelease.set(result.release ?? "", tag);
      tagOf.set(`${result.release} ${result.version}`, tag);
      return result.version ?? 0;
    };
    await out(1);
    const readers = await Promise.all(
      [1, 2, 3].map(() => startReader({ dir: folder, basename: "DB" }, { loops: 8, pauseMs: 10 })),
    );
    const sleeper = readers[2];
    let version = 1;
    const begun = performance.now();
    for (let step = 2; step <= switches + 1 || performance.now() - begun < leastMs; step++) {
      if (step === 5) sleeper?.process.kill("SIGSTOP");
      if (step === 35) sleeper?.process.kill("SIGCONT");
      if (step % 10 === 0) {
        const back = await rollback(store);
        version = back.version;
        tagOf.set(`${back.release} ${back.version}`, tagOfRelease.get(back.release) ?? -1);
      } else {
        version = await out(step);
      }
    }
    await Promise.all(readers.map((reader) => reader.line(`switched ${version}`)));
    const reports = await Promise.all(readers.map(stopReader));
    for (const report of reports) {
      expectFaultless(report, tagOf);
      expect(report.status.servingVersion).toBe(version);
      expect(Math.abs(report.descriptors.end - report.descriptors.start)).toBeLessThanOrEqual(2);
      expect(lastHalfFloorSlope(report)).toBeLessThan(0.05);
    }
    // Readers that ran throughout have served nearly every version: the load was real.
    expect(Object.keys(reports[0]?.seen ?? {}).length).toBeGreaterThan(version * 0.8);
    const figures = reports.map(
      (report) =>
        `${report.requests} requests, ${Object.keys(report.seen).length} versions, memory's floor ${percent(lastHalfFloorSlope(report))}, plain RSS slope ${percent(lastHalfPlainSlope(report))}, descriptors ${report.descriptors.start} → ${report.descriptors.end}`,
    );
    process.stdout.write(
      `${version - 1} switches, 0 failed, 0 mixed, 0 lock errors\n${figures.map((line) => `  reader: ${line}\n`).join("")}`,
    );
  },
);

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
