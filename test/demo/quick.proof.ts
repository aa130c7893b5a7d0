import { expect, test } from "vitest";
import { binPath, startProgram } from "../support/child.ts";

test("the demo: crashed, refused, killed and rolled-back builds under load, and no answer fails, mixes or meets a lock", async () => {
  const demo = startProgram([process.execPath, binPath, "demo", "--quick", "--json"]);
  const { code } = await demo.ended;
  expect(demo.stderr()).toBe("");
  expect(code).toBe(0);
  const summary = JSON.parse(demo.stdout()) as Record<string, never>;
  expect(summary).toMatchObject({
    schema: "lockkeeper/demo@1",
    outcome: "passed",
    rows: 3_000_000,
    load: { clients: 8, failed: 0, mixed: 0, lockErrors: 0, backwards: 0, unverified: 0 },
    counts: { switched: 4, crashed: 1, refused: 1, rolledBack: 1, killed: 1 },
    versions: { first: 1, last: 5, served: 5, lastDataLoadDate: "2001-03-31" },
  });
  const { load, steps } = summary as unknown as {
    load: { requests: number; verified: number };
    steps: { outcome: string; version?: number; firstAnswerMs?: number }[];
  };
  expect(load.requests).toBeGreaterThan(50);
  expect(load.verified).toBe(load.requests);
  expect(steps.flatMap((step) => step.version ?? [])).toEqual([1, 2, 3, 4, 5]);
  expect(steps.filter((step) => step.firstAnswerMs !== undefined)).toHaveLength(4);
});
