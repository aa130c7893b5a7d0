import { expect, onTestFinished, test } from "vitest";
import { flights, installPackage, whyNoRegistry } from "../package/support.ts";
import { binPath, startProgram } from "../support/child.ts";

/** The demo of the package as it is published, where one can be installed; else that of this folder. */
function demoCommand(): string[] {
  if (whyNoRegistry() !== "") return [process.execPath, binPath, "demo"];
  const { bin, remove } = installPackage("module");
  onTestFinished(remove);
  return [bin, "demo", "--data", flights];
}

test("the demo: crashed, refused, killed and rolled-back builds under load, and no answer fails, mixes or meets a lock", async () => {
  const demo = startProgram([...demoCommand(), "--quick", "--json"]);
  const { code } = await demo.ended;
  expect(demo.stderr()).toBe("");
  expect(code).toBe(0);
  const summary = JSON.parse(demo.stdout()) as Record<string, never>;
  expect(summary).toMatchObject({
    schema: "lockkeeper/demo@1",
    outcome: "passed",
    rows: 3_000_000,
    load: { clients: 8, failed: 0, mixed: 0, lockErrors: 0, backwards: 0, unverified: 0, outageMs: 0 },
    etl: { runs: 7, locked: 0 },
    counts: { switched: 4, crashed: 1, refused: 1, rolledBack: 1, killed: 1 },
    versions: { first: 1, last: 5, served: 5, lastDataLoadDate: "2001-03-31" },
  });
  const { load, steps, without } = summary as unknown as {
    without: { form: string; requests: number; failed: number; etl: { runs: number; locked: number; done: number } }[];
    load: { requests: number; verified: number };
    steps: { outcome: string; version?: number; firstAnswerMs?: number }[];
  };
  expect(load.requests).toBeGreaterThan(50);
  expect(load.verified).toBe(load.requests);
  expect(steps.flatMap((step) => step.version ?? [])).toEqual([1, 2, 3, 4, 5]);
  expect(steps.filter((step) => step.firstAnswerMs !== undefined)).toHaveLength(4);
  const [held, perRequest] = without;
  expect(held).toMatchObject({
    form: "held",
    failed: 0,
    outageMs: 0,
    etl: { runs: 4, locked: 4, done: 0 },
    lastDataLoadDate: "2001-01-31",
  });
  expect(held?.requests).toBeGreaterThan(0);
  // Which of the two it is that gets no lock is a matter of chance; one of them does not.
  expect(perRequest).toMatchObject({ form: "request" });
  expect((perRequest?.failed ?? 0) + (perRequest?.etl.locked ?? 0)).toBeGreaterThan(0);
});
