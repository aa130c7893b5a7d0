import { expect, test } from "vitest";
import { proofLedger } from "../ledger.ts";
import { scenarios } from "./scenarios.ts";
import { sweep } from "./sweep.ts";

const ledger = proofLedger("crashes", "sweep");

/** Replays a failure: the seed is in its message. */
const seed = Number(process.env["LOCKKEEPER_SEED"] ?? 1);

test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
  "%s: killed and cut off at every step, and again while it recovers",
  async (_name, scenario) => {
    const report = await sweep(scenario, {
      seed,
      exhaustiveMax: 4096,
      samples: 64,
      second: { exhaustiveMax: 32, samples: 8 },
      secondMomentEvery: 1,
      secondCutEvery: 4,
      secondRecoveryEvery: 10,
    });
    process.stdout.write(`${scenario.name}: ${JSON.stringify(report)}\n`);
    expect(report.exhaustive).toBe(report.moments);
    ledger.add({
      operation: scenario.name,
      fault: `killed, or power cut, at each of its ${report.steps} file operations: every legal disk`,
      outcome: "the release from before or the one from after, whole; then a reader, a publish and a rollback work",
      count: report.images + report.moments,
    });
    ledger.add({
      operation: `${scenario.name}, then the publish that recovers`,
      fault: "a second power cut, at any file operation of the recovery",
      outcome: "no mixed and no lost release; the next publish works",
      count: report.secondImages,
    });
  },
);
