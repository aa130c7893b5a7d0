import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { startProgram } from "../../support/child.ts";
import { exampleFile, python, pythonMissing } from "./support.ts";

interface Summary {
  readonly stores: readonly { readonly store: string; readonly requests: number; readonly how: string }[];
  readonly steps: readonly { readonly outcome: string; readonly store: string; readonly version?: number }[];
  readonly load: { readonly requests: number; readonly verified: number };
}

test.skipIf(pythonMissing !== "")(
  "the demo: three ETLs in two languages, three stores, three apps; failed and refused builds and a rollback under load, and no answer fails, mixes or goes back",
  async () => {
    const demo = startProgram([
      process.execPath,
      exampleFile("demo.mjs"),
      "--size",
      "s",
      "--weeks",
      "4",
      "--json",
      "--python",
      python,
    ]);
    const { code } = await demo.ended;
    expect(demo.stderr()).toBe("");
    expect(code).toBe(0);
    const summary = JSON.parse(demo.stdout()) as Summary;
    expect(summary).toMatchObject({
      schema: "superinvestors/demo@1",
      outcome: "passed",
      python: true,
      load: { clients: 8, failed: 0, mixed: 0, lockErrors: 0, backwards: 0, unverified: 0 },
      counts: { switched: 9, failed: 3, refused: 1, rolledBack: 1 },
    });
    expect(summary.load.requests).toBeGreaterThan(100);
    expect(summary.load.verified).toBe(summary.load.requests);
    const lastDataLoadDate = "2025-01-14";
    expect(summary.stores).toMatchObject([
      { store: "by_publish", version: 5, served: 5, lastDataLoadDate, how: expect.stringContaining("etl.py") },
      { store: "by_commit", version: 2, served: 2, lastDataLoadDate, how: expect.stringContaining("etl_build.py") },
      { store: "by_manifest", version: 3, served: 3, lastDataLoadDate, how: expect.stringContaining("etl_follow.py") },
    ]);
    for (const { requests } of summary.stores) expect(requests).toBeGreaterThan(10);
    for (const [store, versions] of Object.entries({ by_publish: [1, 2, 3, 4, 5], by_commit: [1, 2], by_manifest: [1, 2, 3] })) {
      expect(summary.steps.flatMap((step) => (step.store === store ? (step.version ?? []) : []))).toEqual(versions);
    }
  },
);

test("without Python the demo runs all the same, and says what it did not try", async () => {
  const demo = startProgram([process.execPath, exampleFile("demo.mjs"), "--size", "xs", "--weeks", "2", "--python", "none"]);
  const { code } = await demo.ended;
  expect([code, demo.stderr()]).toEqual([0, ""]);
  expect(demo.stdout()).toContain("by_commit and by_manifest are built by etl.mjs instead");
  expect(demo.stdout()).toMatch(/Python +not tried: --python none/);
  expect(demo.stdout()).toMatch(/mixed answers +0 /);
  const folder = /folder\s+(\S+)/.exec(demo.stdout())?.[1] ?? "";
  expect(folder).not.toBe("");
  expect(existsSync(folder)).toBe(false);
});

test.runIf(pythonMissing !== "")("the ETLs in Python are not tried", () => {
  process.stdout.write(`skipped: ${pythonMissing}\n`);
});
