import { expect, test } from "vitest";
import { oneStore, testServer } from "./support/server.ts";

const rows = "/v1/stores/holdings/tables/t/rows";

test("an answer names its release; what the caller has is 304, before any query", async () => {
  // Nobody but the requests looks at the manifest: what a poll has found before them proves nothing of them.
  const { publish, ask, server } = await testServer(`${oneStore}reader = { poll = "1h" }\n`);
  await publish("holdings", "CREATE TABLE t AS SELECT 1 AS n");
  const first = await ask(rows);
  expect(first.headers.get("Data-Release")).toBe("r000001");
  expect(first.headers.get("Data-Version")).toBe("1");
  expect(first.headers.get("Cache-Control")).toBe("private, no-cache");
  const etag = first.headers.get("ETag") ?? "";
  expect(etag).toMatch(/^W\/"[\w-]+"$/);
  const before = { ...server.context.cache.counts };
  for (const known of [etag, etag.slice(2), `"x", ${etag}`, "*"]) {
    const again = await ask(rows, { headers: { "If-None-Match": known } });
    expect([again.status, await again.text(), again.headers.get("ETag")]).toEqual([304, "", etag]);
  }
  expect(server.context.cache.counts).toEqual(before);
  // What browsers may not do with the answer they know from the answer that they have.
  const { headers } = await ask(rows, { headers: { "If-None-Match": etag } });
  expect([...headers.keys()].toSorted()).toEqual(["cache-control", "data-release", "data-version", "etag", "request-id", "vary"]);
  await publish("holdings", "CREATE TABLE t AS SELECT 2 AS n");
  const other = await ask(rows, { headers: { "If-None-Match": etag } });
  expect(other.status).toBe(200);
  expect(await other.json()).toMatchObject({ rows: [[2]] });
});

test("another request of the same release has another ETag", async () => {
  const { publish, ask } = await testServer();
  await publish("holdings", "CREATE TABLE t AS SELECT 1 AS n");
  const etags = await Promise.all(
    ["", "?limit=5", "?shape=objects", "?sort=n"].map(async (query) => (await ask(`${rows}${query}`)).headers.get("ETag")),
  );
  expect(new Set(etags).size).toBe(4);
});

test("a release that is rolled back to is answered with its new version, under another ETag", async () => {
  const { publish, ask, workspace } = await testServer();
  await publish("holdings", "CREATE TABLE t AS SELECT 1 AS n");
  const first = await ask(rows);
  await publish("holdings", "CREATE TABLE t AS SELECT 2 AS n");
  await workspace.rollback("holdings");
  const again = await ask(rows, { headers: { "If-None-Match": first.headers.get("ETag") ?? "" } });
  expect([again.status, again.headers.get("Data-Release"), again.headers.get("Data-Version")]).toEqual([200, "r000001", "3"]);
  expect(await again.json()).toMatchObject({ rows: [[1]], release: "r000001", version: 3 });
});

test("HEAD has the headers of GET and no body", async () => {
  const { publish, ask } = await testServer();
  await publish("holdings", "CREATE TABLE t AS SELECT 1 AS n");
  const [head, get] = [await ask(rows, { method: "HEAD" }), await ask(rows)];
  expect([head.status, await head.text()]).toEqual([200, ""]);
  expect(head.headers.get("ETag")).toBe(get.headers.get("ETag"));
});

test("an answer of a named release never changes and is kept for ever; one of a release that is not kept is 404", async () => {
  const { publish, ask, json } = await testServer();
  await publish("holdings", "CREATE TABLE t AS SELECT 1 AS n");
  await publish("holdings", "CREATE TABLE t AS SELECT 2 AS n");
  const old = await ask(`${rows}?release=r000001`);
  expect(old.headers.get("Cache-Control")).toBe("private, max-age=31536000, immutable");
  expect(((await old.json()) as { rows: unknown }).rows).toEqual([[1]]);
  const none = await json(`${rows}?release=r000009`);
  expect([none.status, none.body["code"]]).toEqual([404, "RELEASE_UNKNOWN"]);
});

test("Min-Version waits for no version that is there, and is 503 with Retry-After for one that is not", async () => {
  const { publish, ask } = await testServer(`format = 1
[stores.holdings]
kind = "release"
dir = "data/holdings"
reader = { wait = "50ms" }
`);
  await publish("holdings", "CREATE TABLE t AS SELECT 1 AS n");
  expect((await ask(rows, { headers: { "Min-Version": "1" } })).status).toBe(200);
  const late = await ask(rows, { headers: { "Min-Version": "2" } });
  expect([late.status, late.headers.get("Retry-After")]).toEqual([503, "1"]);
  expect((await ask(rows, { headers: { "Min-Version": "two" } })).status).toBe(400);
});

test("the same answer is made once for all who ask at the same time, and kept", async () => {
  const { publish, json, server } = await testServer();
  await publish("holdings", "CREATE TABLE t AS SELECT range AS n FROM range(100)");
  const answers = await Promise.all(Array.from({ length: 10 }, () => json(rows)));
  expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  expect(server.context.cache.counts.misses).toBe(1);
  await json(rows);
  expect(server.context.cache.counts.hits).toBeGreaterThan(0);
});

test("a store without a release is 503 until it has one, without a restart", async () => {
  const { publish, json } = await testServer();
  const none = await json(rows);
  expect([none.status, none.body["code"]]).toEqual([503, "NO_RELEASE"]);
  await publish("holdings", "CREATE TABLE t AS SELECT 1 AS n");
  await expect.poll(async () => (await json(rows)).status).toBe(200);
});

test("no answer holds a path of this machine, the log does", async () => {
  const { folder, json, log } = await testServer();
  const { body } = await json(rows);
  expect(JSON.stringify(body)).not.toContain(folder);
  expect(JSON.stringify(log)).toContain(folder);
});
