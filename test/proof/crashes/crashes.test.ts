import { expect, test } from "vitest";
import { scenarios } from "./scenarios.ts";
import { sweep } from "./sweep.ts";

const quick = { seed: 1, exhaustiveMax: 4096, samples: 16, second: { exhaustiveMax: 4, samples: 1 }, secondCutEvery: 1000 };

/** A part of what crashes.proof.ts does, small enough for every run of the tests. */
test.each(["first publish", "publish", "rollback", "adopt"])(
  "%s: whatever a power cut leaves is whole, acknowledged releases stay, and the next commands work",
  async (name) => {
    for (const scenario of scenarios.filter((candidate) => candidate.name === name)) {
      const report = await sweep(scenario, { ...quick, secondMomentEvery: 12, secondRecoveryEvery: 20 });
      expect(report.exhaustive).toBe(report.moments);
      expect(report.images).toBeGreaterThan(10);
    }
  },
);
