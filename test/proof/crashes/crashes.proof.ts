import { expect, test } from "vitest";
import { proofLedger } from "../ledger.ts";
import { proofSeed } from "../seed.ts";
import { scenarios } from "./every-scenario.ts";
import { sweep } from "./sweep.ts";

const ledger = proofLedger("crashes", "sweep");

/** Replays a failure: the seed is in its message. */
const seed = proofSeed(1);

/** Of the recoveries of layout `releases`, which are as many again, some meet a second cut. */
const some = { secondMomentEvery: 10, secondCutEvery: 60, secondRecoveryEvery: 20 };

const keeps = "nothing that is kept or pinned by an operator is lost, what was half pruned comes to its end; ";

/** An orchestrator that knows nothing of the crash. */
const commits =
  "a detached build is there to be committed again, or is out, or lies in quarantine whole, or was aborted; committed again, it is published once; ";

/** Each of the disks is gone on with twice, by an orchestrator and by others: some of the disks that hundreds of pending changes allow. */
const sampled = { exhaustiveMax: 32, samples: 4, secondMomentEvery: 24, secondCutEvery: 400, secondRecoveryEvery: 60 };

/** Of layout `slots`. One broken variant shows in no sparser sample. */
const all = { secondMomentEvery: 1, secondCutEvery: 4, secondRecoveryEvery: 10 };

test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
  "%s: killed and cut off at every step, and again while it recovers",
  async (_name, scenario) => {
    const report = await sweep(scenario, {
      seed,
      exhaustiveMax: 4096,
      samples: 64,
      second: { exhaustiveMax: 32, samples: 8 },
      ...(scenario.shape ? some : all),
      ...(scenario.alsoOn && sampled),
    });
    process.stdout.write(`${scenario.name}: ${JSON.stringify(report)}\n`);
    if (!scenario.alsoOn) expect(report.exhaustive).toBe(report.moments);
    ledger.add({
      operation: scenario.name,
      fault: `killed, or power cut, at each of its file operations: ${scenario.alsoOn ? "the telling ones of the legal disks, and a sample" : "every legal disk"}`,
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
