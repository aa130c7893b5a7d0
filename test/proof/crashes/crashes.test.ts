import { expect, test } from "vitest";
import { detachedScenarios } from "./detached-scenarios.ts";
import { scenarios } from "./every-scenario.ts";
import { sweep } from "./sweep.ts";

const quickOnes = new Set([
  "build begin",
  "build begin --base active",
  "build begin that sweeps a build whose lease expired",
  "build commit",
  "build abort",
]);

const quick = { seed: 1, exhaustiveMax: 4096, samples: 16, second: { exhaustiveMax: 4, samples: 1 }, secondCutEvery: 1000 };

/** A part of what crashes.proof.ts does, small enough for every run of the tests. */
test.each([
  "first publish",
  "publish",
  "rollback",
  "adopt",
  "publish that prunes, beside a pinned release (layout releases)",
  "rollback --to a release whose publisher was killed (layout releases)",
  "releases prune (layout releases)",
  "releases pin (layout releases)",
])("%s: whatever a power cut leaves is whole, acknowledged releases stay, and the next commands work", async (name) => {
  for (const scenario of scenarios.filter((candidate) => candidate.name === name)) {
    const report = await sweep(scenario, { ...quick, secondMomentEvery: 12, secondRecoveryEvery: 20 });
    expect(report.exhaustive).toBe(report.moments);
    expect(report.images).toBeGreaterThan(5);
  }
});

const sampled = { ...quick, exhaustiveMax: 24, samples: 4, secondMomentEvery: 1000, secondRecoveryEvery: 1000 };

test("publish of several files that prunes and shares one: whatever a power cut leaves is whole, acknowledged releases stay, and the next commands work", async () => {
  for (const scenario of scenarios.filter(({ name }) => name === "publish of several files that prunes and shares one")) {
    expect((await sweep(scenario, { ...sampled, exhaustiveMax: 64, samples: 16 })).images).toBeGreaterThan(100);
  }
});

test.each(detachedScenarios.filter(({ name }) => quickOnes.has(name)).map((scenario) => [scenario.name, scenario] as const))(
  "%s: whatever a power cut leaves, the detached build is there, out or in quarantine, and is published once",
  async (_name, scenario) => {
    expect((await sweep(scenario, sampled)).images).toBeGreaterThan(5);
  },
);
