import { expect, test } from "vitest";
import { sharedServer, testServer } from "./support/server.ts";

const config = `format = 1
[serve]
limits = { rows = 100 }
[stores.holdings]
kind = "release"
dir = "data/holdings"
queries = "queries/*.sql"
`;

const files = {
  "queries/by-cik.sql": `-- description: Holdings of one investor.
-- param cik: integer
-- param since: date = null
SELECT asset, shares FROM holdings WHERE cik = $cik AND ($since IS NULL OR day >= $since) ORDER BY asset
`,
  "queries/among.sql": `-- param names: text[] = []
SELECT asset FROM holdings WHERE list_contains($names, asset) ORDER BY asset
`,
  "queries/many.sql": "SELECT range AS n FROM range(101)\n",
  "queries/fails.sql": "SELECT 1 / 0 AS n, CAST('x' AS INTEGER) AS m\n",
};

const holdings =
  "CREATE TABLE holdings AS SELECT range % 3 AS cik, chr(97 + range::INTEGER) || ',' AS asset, range * 10000000000000001 AS shares, DATE '2026-01-01' + range::INTEGER AS day FROM range(9)";

const at = "/v1/stores/holdings/queries";

const shared = sharedServer([holdings], config, { files });

test("queries are listed with their parameters", async () => {
  const { json } = shared();
  const { body } = await json(at);
  expect((body["queries"] as { name: string }[]).map(({ name }) => name)).toEqual(["among", "by-cik", "fails", "many"]);
  expect((body["queries"] as unknown[])[1]).toEqual({
    name: "by-cik",
    description: "Holdings of one investor.",
    parameters: [
      { name: "cik", type: "integer", required: true },
      { name: "since", type: "date", required: false, default: "null" },
    ],
  });
});

test("a query answers with its parameters, exactly, and equal values are one answer", async () => {
  const { json, publish, server } = await testServer(config, { files });
  await publish("holdings", holdings);
  const first = await json(`${at}/by-cik?cik=1&since=2026-01-04`);
  expect(first.body).toMatchObject({
    rows: [
      ["e,", "40000000000000004"],
      ["h,", "70000000000000007"],
    ],
    version: 1,
  });
  const objects = await json(`${at}/by-cik?cik=1&since=2026-01-04&shape=objects`);
  expect(objects.body["rows"]).toEqual([
    { asset: "e,", shares: "40000000000000004" },
    { asset: "h,", shares: "70000000000000007" },
  ]);
  const { misses } = server.context.cache.counts;
  expect((await json(`${at}/by-cik?since=2026-01-04&cik=01`)).headers.get("ETag")).toBe(first.headers.get("ETag"));
  expect(server.context.cache.counts.misses).toBe(misses);
});

test("a list of two texts is another answer than one text with a comma", async () => {
  const { json, publish } = await testServer(config, { files });
  await publish("holdings", holdings);
  expect((await json(`${at}/among?names=a,&names=b,`)).body["rows"]).toEqual([["a,"], ["b,"]]);
  expect((await json(`${at}/among?names=${encodeURIComponent("a,,b,")}`)).body["rows"]).toEqual([]);
  expect((await json(`${at}/among`)).body["rows"]).toEqual([]);
});

test.each([
  ["by-cik", "400 REQUEST_INVALID", "cik is missing"],
  ["by-cik?cik=x", "400 REQUEST_INVALID", 'cik is "x"'],
  ["by-cik?cik=1&cik=2", "400 REQUEST_INVALID", "said 2 times"],
  ["by-cik?cik=1&sinse=2026-01-01", "400 REQUEST_INVALID", 'did you mean "since"'],
  ["by_cik?cik=1", "404 QUERY_UNKNOWN", 'did you mean "by-cik"'],
  ["many", "422 LIMIT_ROWS", "more than 100 rows"],
  ["fails", "500 QUERY_FAILED", "log says more"],
])("%s is %s", async (query, problem, words) => {
  const { body } = await shared().json(`${at}/${query}`);
  expect(`${String(body["status"])} ${String(body["code"])}`).toBe(problem);
  expect(String(body["detail"])).toContain(words);
});

test("a query that needs no parameter is answered before the switch, and one that no longer works on the new release is told", async () => {
  const { json, publish, server, log } = await testServer(config, {
    files: { "queries/count.sql": "SELECT count(asset) AS n FROM holdings\n" },
  });
  await publish("holdings", holdings);
  expect((await json(`${at}/count`)).body["rows"]).toEqual([["9"]]);
  await publish("holdings", `${holdings} LIMIT 4`);
  expect((await json("/v1/stores/holdings/tables")).body["version"]).toBe(2);
  const { misses } = server.context.cache.counts;
  expect((await json(`${at}/count`)).body).toMatchObject({ rows: [["4"]], version: 2 });
  expect(server.context.cache.counts.misses).toBe(misses);
  await publish("holdings", "CREATE TABLE others AS SELECT 1 AS n");
  expect((await json("/v1/stores/holdings/tables")).body["version"]).toBe(3);
  const told = log.filter(({ level }) => level === "warn").map(({ message }) => message);
  expect(told).toEqual([expect.stringMatching(/^the query count fails on release r000003: .*holdings/)]);
});
