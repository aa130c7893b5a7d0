import { expect, test } from "vitest";
import { sharedServer, testServer } from "./support/server.ts";

const holdings = `CREATE TABLE holdings AS SELECT range AS cik, 'asset ' || range AS asset, range % 3 AS class, range::DOUBLE / 4 AS share,
  DATE '2026-01-01' + range::INTEGER AS day, (TIMESTAMP '2026-01-01 12:00:00' + INTERVAL (range) HOUR)::TIMESTAMPTZ AS seen FROM range(25)`;

const rows = "/v1/stores/holdings/tables/holdings/rows";

const shared = sharedServer(["SET TimeZone = 'UTC'", holdings]);

test("tables and views are listed with exact counts, and one with its columns", async () => {
  const { publish, json } = await testServer();
  await publish(
    "holdings",
    holdings,
    "DELETE FROM holdings WHERE cik >= 20",
    "CREATE SCHEMA mart",
    "CREATE VIEW mart.classes AS SELECT DISTINCT class FROM holdings",
  );
  const list = await json("/v1/stores/holdings/tables");
  expect(list.status).toBe(200);
  expect(list.body).toEqual({
    tables: [
      { schema: "main", name: "holdings", kind: "table", rows: 20 },
      { schema: "mart", name: "classes", kind: "view" },
    ],
    release: "r000001",
    version: 1,
  });
  const one = await json("/v1/stores/holdings/tables/mart.classes");
  expect(one.body).toMatchObject({ schema: "mart", name: "classes", columns: [{ name: "class", type: "BIGINT" }] });
});

test("pages of a table hold each row once, in one order, and stay on their release over a switch", async () => {
  const { publish, json } = await testServer();
  await publish("holdings", holdings);
  const seen: unknown[] = [];
  let next: string | undefined;
  let pages = 0;
  do {
    const page = await json(`${rows}?select=cik&sort=class,-share&limit=7${next === undefined ? "" : `&page=${next}`}`);
    expect(page.status).toBe(200);
    expect(page.body["release"]).toBe("r000001");
    seen.push(...(page.body["rows"] as unknown[][]).map(([cik]) => Number(cik)));
    next = page.body["next"] as string | undefined;
    pages += 1;
    if (pages === 1) await publish("holdings", "CREATE TABLE holdings AS SELECT 1 AS cik, 1 AS class, 1 AS share");
  } while (next !== undefined);
  expect(pages).toBe(4);
  const expected = Array.from({ length: 25 }, (_, cik) => cik).toSorted(
    (left, right) => (left % 3) - (right % 3) || right - left,
  );
  expect(seen).toEqual(expected);
});

test("pages of a view without an order of its own hold each row once", async () => {
  const { publish, json } = await testServer();
  await publish("holdings", holdings, "CREATE VIEW counts AS SELECT asset, count(*) AS n FROM holdings GROUP BY asset");
  const seen = new Set<unknown>();
  let next = "";
  for (let page = 0; page < 5; page += 1) {
    const { body } = await json(`/v1/stores/holdings/tables/counts/rows?limit=5${next}`);
    for (const [asset] of body["rows"] as unknown[][]) seen.add(asset);
    next = `&page=${String(body["next"])}`;
  }
  expect(seen.size).toBe(25);
});

test.each([
  ["where.cik.eq=3", [3]],
  ["where.cik.ge=22&where.cik.ne=23", [22, 24]],
  ["where.cik.in=1&where.cik.in=5&where.cik.in=99", [1, 5]],
  ["where.cik.gt=3&where.cik.lt=6", [4, 5]],
  ["where.asset.like=asset%201_&where.cik.le=11", [10, 11]],
  ["where.share.eq=0.25", [1]],
  ["where.day.ge=2026-01-24", [23, 24]],
  ["where.seen.lt=2026-01-01T14:00:00Z", [0, 1]],
  ["where.seen.lt=2026-01-01T16:00:00%2B02:00", [0, 1]],
  ["where.asset.is=null", []],
  ["where.CIK.eq=7", [7]],
])("filter %s", async (filter, expected) => {
  const { status, body } = await shared().json(`${rows}?select=cik&sort=cik&${filter}`);
  expect([status, (body["rows"] as unknown[][] | undefined)?.map(([cik]) => Number(cik))]).toEqual([200, expected]);
});

test.each([
  ["where.cik.eq=abc", "BIGINT"],
  ["where.none.eq=1", "none"],
  ["where.cik.about=1", "operator"],
  ["where.cik.like=1%25", "like is for text"],
  ["where.seen.lt=2026-01-01T14:00:00", "without its zone"],
  ["where.cik.is=maybe", "not_null"],
  ["select=cik,,asset", "no list of columns"],
  ["select=cik,cik", "twice"],
  ["sort=nothing", "nothing"],
  ["limit=0", "limit"],
  ["limit=10001", "10000"],
  ["limit=1.5", "limit"],
  ["page=abc", "no token"],
  ["colour=red", "colour"],
  ["limit=1&limit=2", "twice"],
  ["format=xml", "format"],
])("refused, and told why: %s", async (query, word) => {
  const { status, body, headers } = await shared().json(`${rows}?${query}`);
  expect(status).toBe(400);
  expect(headers.get("content-type")).toBe("application/problem+json");
  expect(body).toMatchObject({ code: "REQUEST_INVALID", status: 400 });
  expect(String(body["detail"])).toContain(word);
});

test("names that need quotes are columns like others, and what looks like SQL is a value", async () => {
  const { publish, json } = await testServer();
  await publish("holdings", `CREATE TABLE "a.b ""c" AS SELECT 1 AS "x, y", 'o''; DROP TABLE t; --' AS "q""uote"`);
  const place = `/v1/stores/holdings/tables/${encodeURIComponent('a.b "c')}/rows`;
  const all = await json(
    `${place}?select=${encodeURIComponent('"x, y","q""uote"')}&where.${encodeURIComponent('q"uote')}.eq=${encodeURIComponent("o'; DROP TABLE t; --")}`,
  );
  expect(all.status).toBe(200);
  expect(all.body["rows"]).toEqual([[1, "o'; DROP TABLE t; --"]]);
});

test("a page token of a pruned release is 410, of another request 400", async () => {
  const { publish, json, workspace } = await testServer(`format = 1
[stores.holdings]
kind = "release"
dir = "data/holdings"
retention = { keep = 1 }
reader = { kept_idle = "0s" }
`);
  await publish("holdings", holdings);
  const { body } = await json(`${rows}?limit=5`);
  expect((await json(`${rows}?limit=5&sort=cik&page=${String(body["next"])}`)).body).toMatchObject({ code: "REQUEST_INVALID" });
  for (let version = 0; version < 3; version += 1) await publish("holdings", holdings);
  await json(rows);
  await expect
    .poll(async () => (await workspace.prune("holdings"), (await workspace.releases("holdings")).releases.length))
    .toBeLessThan(4);
  const gone = await json(`${rows}?limit=5&page=${String(body["next"])}`);
  expect([gone.status, gone.body["code"]]).toEqual([410, "PAGE_GONE"]);
});
