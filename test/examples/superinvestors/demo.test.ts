import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { summarize } from "../../../examples/superinvestors/demo/summary.mjs";
import { startProgram } from "../../support/child.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { exampleFile } from "./support.ts";

const demo = [process.execPath, exampleFile("demo.mjs")];

test.each([
  [["--size", "xl"], '--size is "xl"'],
  [["--weeks", "1"], '--weeks is "1"'],
  [["--weeks", "14"], '--weeks is "14"'],
  [["--weeks", "two"], '--weeks is "two"'],
  [["--colour"], "--colour"],
])("%j is a usage error", async (words, message) => {
  const child = startProgram([...demo, ...words]);
  expect((await child.ended).code).toBe(2);
  expect(child.stderr()).toContain(message);
  expect(child.stderr()).toContain("Usage: ");
});

test("a folder that has something in it is left alone", async () => {
  const folder = join(temporaryFolder(), "mine");
  mkdirSync(folder);
  writeFileSync(join(folder, "mine.txt"), "mine");
  const child = startProgram([...demo, "--json", "--dir", folder]);
  expect((await child.ended).code).toBe(12);
  expect(JSON.parse(child.stderr())).toMatchObject({
    schema: "lockkeeper/error@1",
    error: { code: "STORE_NOT_EMPTY", exit: 12 },
  });
  expect(readdirSync(folder)).toEqual(["mine.txt"]);
});

test("a signal in the middle ends every process and removes the folder; without Python it says so", async () => {
  const child = startProgram([...demo, "--size", "xs", "--weeks", "2", "--python", "none"]);
  const folder = /folder\s+(\S+)/.exec(await child.line("  folder"))?.[1] ?? "";
  expect(await child.line("  ✗")).toContain(
    "no Python with DuckDB (--python none): by_commit and by_manifest are built by etl.mjs instead",
  );
  const apps: number[] = [];
  for (let count = 0; count < 3; count++) apps.push(Number(/process (\d+)/.exec(await child.line("  ✓ app.mjs"))?.[1]));
  await child.line("  ✓ 8 clients");
  for (const app of apps) expect(process.kill(app, 0)).toBe(true);
  expect(existsSync(join(folder, "data", "by_manifest", "db_manifest.json"))).toBe(true);
  process.kill(child.pid, "SIGINT");
  expect((await child.ended).code).toBe(130);
  expect(child.stderr()).toContain("stopped by SIGINT");
  expect(existsSync(folder)).toBe(false);
  for (const app of apps) expect(() => process.kill(app, 0)).toThrow("ESRCH");
});

describe("the summary", () => {
  const store = {
    name: "by_publish",
    how: "etl.mjs",
    build: () => ({ shown: "", program: "", args: [] }),
    releaseOf: () => ({ release: "", version: 0 }),
  };
  const load = {
    requests: 10,
    verified: 10,
    failed: 0,
    mixed: 0,
    lockErrors: 0,
    backwards: 0,
    unverified: 0,
    breaks: 0,
    p50Ms: 1,
    p99Ms: 2,
    failures: [],
    mismatches: [],
    stores: { by_publish: { requests: 10, version: 2 } },
  };
  const freshness = { store: "by_publish", dbVersion: 2, lastDataLoadDate: "2025-02-14" };
  const outcomeOf = (change: object, fresh: object = {}) =>
    summarize({
      size: "xs",
      weeks: 13,
      rows: 1,
      lastDay: "2025-02-14",
      python: { why: "none" },
      stores: [store],
      clients: 8,
      seconds: 2,
      loadSeconds: 1,
      dir: undefined,
      steps: [{ outcome: "switched", store: "by_publish", week: 13, release: "r000002", version: 2, ms: 1 }],
      load: { ...load, ...change },
      freshness: [{ ...freshness, ...fresh }],
    }).outcome;

  test("passes where everything was right, and fails for any single thing that was not", () => {
    expect(outcomeOf({})).toBe("passed");
    for (const field of ["failed", "mixed", "lockErrors", "backwards", "unverified"])
      expect([field, outcomeOf({ [field]: 1 })]).toEqual([field, "failed"]);
    expect(outcomeOf({ verified: 9 })).toBe("failed");
    expect(outcomeOf({ stores: {} })).toBe("failed");
    expect(outcomeOf({}, { dbVersion: 1 })).toBe("failed");
    expect(outcomeOf({}, { lastDataLoadDate: "2025-02-13" })).toBe("failed");
  });
});
