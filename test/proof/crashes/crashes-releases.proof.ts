import { proofLedger } from "../ledger.ts";
import { detachedScenarios } from "./detached-scenarios.ts";
import { proveSweeps } from "./prove.ts";
import { releaseScenarios } from "./release-scenarios.ts";

/** Of the recoveries of layout `releases`, which are as many again as those of `slots`, some meet a second cut. */
const some = { secondMomentEvery: 10, secondCutEvery: 60, secondRecoveryEvery: 20 };

/** Each of the disks is gone on with twice, by an orchestrator and by others: some of the disks that hundreds of pending changes allow. */
const sampled = { exhaustiveMax: 32, samples: 4, secondMomentEvery: 24, secondCutEvery: 400, secondRecoveryEvery: 60 };

// A file of its own, beside the slots, so that two cores share the minutes.
proveSweeps([...releaseScenarios, ...detachedScenarios], proofLedger("crashes", "sweep-releases"), ({ alsoOn, shape }) =>
  alsoOn || shape?.artifacts ? sampled : some,
);
