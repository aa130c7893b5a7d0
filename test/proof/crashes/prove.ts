import { expect, test } from "vitest";
import type { proofLedger } from "../ledger.ts";
import { proofSeed } from "../seed.ts";
import type { Scenario } from "./scenarios.ts";
import { sweep, type SweepBounds } from "./sweep.ts";

const keeps = "nothing that is kept or pinned by an operator is lost, what was half pruned comes to its end; ";

/** An orchestrator that knows nothing of the crash. */
const commits =
  "a detached build is there to be committed again, or is out, or lies in quarantine whole, or was aborted; committed again, it is published once; ";

/** Sweeps every scenario as far as `boundsOf` says, each in a test of its own, and adds its rows to the ledger. */
export function proveSweeps(
  scenarios: readonly Scenario[],
  ledger: ReturnType<typeof proofLedger>,
  boundsOf: (scenario: Scenario) => Partial<SweepBounds> & Pick<SweepBounds, `second${"Moment" | "Cut" | "Recovery"}Every`>,
): void {
  /** Replays a failure: the seed is in its message. */
  const seed = proofSeed(1);
  test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    "%s: killed and cut off at every step, and again while it recovers",
    async (_name, scenario) => {
      const usual = { seed, exhaustiveMax: 4096, samples: 64, second: { exhaustiveMax: 32, samples: 8 } };
      const report = await sweep(scenario, { ...usual, ...boundsOf(scenario) });
      process.stdout.write(`${scenario.name}: ${JSON.stringify(report)}\n`);
      // With more files there are more changes that a power cut may or may not leave than can be tried one by one.
      const isSampled = scenario.alsoOn !== undefined || scenario.shape?.artifacts !== undefined;
      if (!isSampled) expect(report.exhaustive).toBe(report.moments);
      ledger.add({
        operation: scenario.name,
        fault: `killed, or power cut, at each of its file operations: ${isSampled ? "the telling ones of the legal disks, and a sample" : "every legal disk"}`,
        outcome: `the release from before or the one from after, whole; ${scenario.shape ? keeps : ""}${scenario.alsoOn ? commits : ""}then a reader, a publish and a rollback work`,
        count: report.images + report.moments,
      });
      ledger.add({
        operation: `${scenario.name}, then the publish that recovers`,
        fault: `a second power cut, at any file operation of ${scenario.shape || scenario.alsoOn ? "some of the recoveries" : "the recovery"}`,
        outcome: "no mixed and no lost release; the next publish works",
        count: report.secondImages,
      });
    },
  );
}
