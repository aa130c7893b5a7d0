import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { martServer, modes } from "./marts.ts";

interface Recorded {
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
  readonly text?: string;
}

/** What front ends ask, with the answers that they are given: written down once, and looked through by people. */
const recorded = JSON.parse(readFileSync(new URL("recorded.json", import.meta.url), "utf8")) as readonly Recorded[];

describe.each(modes)("the recorded requests, served from: %s", (mode) => {
  test("are answered byte for byte as they were recorded", async () => {
    const { ask } = await martServer(mode);
    for (const { path, status, body } of recorded) {
      const response = await ask(path);
      expect([path, response.status, await response.text()]).toEqual([path, status, `${body as string}\n`]);
    }
  });
});

test("the state of the default store, and how old its data is", async () => {
  const { json, workspace } = await martServer("duckdb");
  const [freshness] = await workspace.freshness();
  expect((await json("/api/analytics/status")).body).toEqual({
    duckdb_available: true,
    manifest_available: true,
    dataset_count: 4,
    last_refresh: freshness?.lastUpdated,
  });
  const { headers } = await json("/api/analytics/datasets/spend/query?limit=1");
  expect([headers.get("Data-Release"), headers.get("Data-Version"), headers.get("Data-Updated")]).toEqual([
    "r000001",
    "1",
    freshness?.lastUpdated,
  ]);
  expect(Number(headers.get("Data-Age"))).toBeLessThan(600);
});
