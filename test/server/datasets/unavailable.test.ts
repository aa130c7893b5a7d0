import { chmodSync, truncateSync } from "node:fs";
import { expect, test } from "vitest";
import { testServer } from "../support/server.ts";
import { datasetKeys, martServer } from "./marts.ts";

const config = (serve: string) => `format = 1\n${serve}[stores.marts]\nkind = "release"\ndir = "data/marts"\n${datasetKeys}`;
const rows = "/api/analytics/datasets/spend/query";

test("without a release: 200 without rows, a header that says so, and the datasets of the configuration", async () => {
  const { json, ask } = await testServer(config(""));
  const answer = await json(`${rows}?category=food`);
  expect([answer.status, answer.headers.get("Data-Status"), answer.body]).toEqual([
    200,
    "unavailable",
    { dataset_id: "spend", dataset_name: "fct_spend", rows: [], row_count: 0, filters_applied: {} },
  ]);
  expect((await json("/api/analytics/status")).body).toEqual({
    duckdb_available: false,
    manifest_available: true,
    dataset_count: 4,
    last_refresh: null,
  });
  const list = await json("/api/analytics/datasets");
  expect([list.status, list.headers.get("Data-Status"), list.body["total"]]).toEqual([200, "unavailable", 4]);
  expect((await json("/api/analytics/datasets/spend/schema")).body["columns"]).toEqual([]);
  expect((await json("/api/analytics/freshness")).body["results"]).toEqual([]);
  expect((await json("/api/analytics/datasets/nothing/query")).status).toBe(404);
  const head = await ask(rows, { method: "HEAD" });
  expect([head.status, head.headers.get("Data-Status"), await head.text()]).toEqual([200, "unavailable", ""]);
});

test("what is wrong with a request is told also where there is nothing; a version that must be there is 503", async () => {
  const { json } = await testServer(config(""));
  expect((await json(`${rows}?limit=0`)).status).toBe(400);
  expect((await json(rows, { headers: { "Min-Version": "1" } })).status).toBe(503);
});

test('unavailable = "503": every answer from data is 503, and the state is told', async () => {
  const { json } = await testServer(config('[serve]\nunavailable = "503"\n'));
  for (const path of [rows, "/api/analytics/datasets", "/api/analytics/datasets/spend/schema", "/api/analytics/freshness"]) {
    const { status, headers } = await json(path);
    expect([path, status, headers.get("Retry-After")]).toEqual([path, 503, "1"]);
  }
  expect((await json("/api/analytics/status")).status).toBe(200);
});

test("a release that cannot be opened is no data; the first that can be is served at once", async () => {
  const { json, workspace, publish } = await testServer(config(""));
  await publish("marts", "CREATE SCHEMA mart", "CREATE TABLE mart.fct_spend AS SELECT DATE '2026-01-01' AS day, 1 AS n");
  const { files } = await workspace.path("marts");
  chmodSync(files[0] ?? "", 0o644);
  truncateSync(files[0] ?? "", 100);
  expect((await json(rows)).headers.get("Data-Status")).toBe("unavailable");
  await publish("marts", "CREATE SCHEMA mart", "CREATE TABLE mart.fct_spend AS SELECT DATE '2026-01-02' AS day, 2 AS n");
  await expect.poll(async () => (await json(rows)).body["rows"]).toEqual([{ day: "2026-01-02", n: 2 }]);
});

test("a table that a release does not have has no rows, as said by the header", async () => {
  const { json } = await martServer("duckdb", { store: "[stores.marts.datasets.later]\n" });
  const answer = await json("/api/analytics/datasets/later/query");
  expect([answer.status, answer.headers.get("Data-Status"), answer.body["row_count"]]).toEqual([200, "unavailable", 0]);
  expect((await json("/api/analytics/datasets/later/schema")).body["columns"]).toEqual([]);
});
