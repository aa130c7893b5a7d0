import { createHash } from "node:crypto";
import { Hono } from "hono";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { lockkeeperRoutes } from "../../../src/server/mount.ts";
import { writeDatabase } from "../../support/store.ts";
import type { WhenDone } from "../../support/temporary.ts";
import { testServer, type TestServer } from "../support/server.ts";

const hash = (text: string) => createHash("sha256").update(text).digest("hex");

/** Tokens of two users, of one without a claim, of one whose claim is empty, and of an administrator with and without a claim. */
const tokens = ["seven", "eight", "nobody", "empty", "admin", "admin-seven"] as const;
const claims: Readonly<Record<string, string>> = { seven: "7", eight: "8", empty: "", "admin-seven": "7" };
const tokenKeys = tokens
  .map((name) => {
    const claim = claims[name] === undefined ? "" : `claims = { user_id = "${claims[name]}" }\n`;
    return `[[tokens]]\nname = "${name}"\nsha256 = "${hash(name)}"\nlevel = "${name.startsWith("admin") ? "admin" : "read"}"\n${claim}`;
  })
  .join("");

const config = `format = 1
${tokenKeys}
[stores.marts]
kind = "release"
dir = "data/marts"
queries = "queries/*.sql"
checks = [{ check = "accepted", table = "fct_spend", column = "note", values = ["none"], severity = "warn" }]
[stores.marts.datasets.fct_spend]
scope_column = "user_id"
date_column = "day"
[stores.marts.datasets.dim_open]
`;

const secret = "the secret of eight";

const statements = (tag: number) => [
  `CREATE TABLE fct_spend AS SELECT * FROM (VALUES
     (7::BIGINT, DATE '2026-01-01', 'mine ' || ${tag}, 1), (7, DATE '2026-01-02', 'mine too', 2),
     (8, DATE '2026-01-01', '${secret} ${tag}', 3), (8, DATE '2026-01-03', '${secret}', 4), (77, DATE '2026-01-01', '${secret} 77', 5)) t(user_id, day, note, amount)`,
  "CREATE TABLE dim_open AS SELECT 'for everybody' AS word",
  "CREATE VIEW v_spend AS SELECT * FROM fct_spend",
  "CREATE VIEW v_open AS SELECT * FROM dim_open",
];

const queries: Readonly<Record<string, string>> = {
  direct: "SELECT note FROM fct_spend",
  view: "SELECT note FROM v_spend",
  joined: "SELECT word, note FROM dim_open, fct_spend",
  nested: "SELECT (SELECT max(note) FROM fct_spend) AS note",
  named: "WITH fct_spend AS (SELECT * FROM main.fct_spend) SELECT note FROM fct_spend",
  described: "SELECT * FROM (SUMMARIZE fct_spend)",
  indirect: "SELECT note FROM query_table('fct_spend')",
  spelled: "SELECT note FROM query('SELECT note FROM fct_spend')",
  capitals: 'SELECT note FROM "FCT_Spend"',
  qualified: "SELECT note FROM marts.main.fct_spend",
  operated: "SELECT word FROM dim_open UNION ALL SELECT note FROM fct_spend",
  catalogued: "SELECT sql FROM duckdb_views()",
  statistics: "SELECT max(user_id) AS note FROM fct_spend",
  open: "WITH o AS (SELECT * FROM dim_open) SELECT word, n FROM o, range(1) r(n) WHERE word <> (SELECT '' AS e)",
};

interface ScopedServer extends TestServer {
  /** One request with a token. */
  as(token: string | undefined, path: string, init?: RequestInit): Promise<Response>;
}

async function scoped(whenDone: WhenDone = onTestFinished): Promise<ScopedServer> {
  const files = Object.fromEntries(Object.entries(queries).map(([name, sql]) => [`queries/${name}.sql`, sql]));
  const server = await testServer(config, { files, whenDone });
  await server.publish("marts", ...statements(1));
  await server.publish("marts", ...statements(2));
  const as = (token: string | undefined, path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    return server.ask(path, { ...init, headers });
  };
  return { ...server, as };
}

const rowsPath = "/api/analytics/datasets/fct_spend/query";

async function notes(response: Response): Promise<string[]> {
  const { rows } = (await response.json()) as { rows: { note: string }[] };
  return rows.map(({ note }) => note);
}

test("each caller has the rows of its own value; who has none has no row, an administrator either", async () => {
  const { as } = await scoped();
  expect(await notes(await as("seven", rowsPath))).toEqual(["mine 2", "mine too"]);
  expect(await notes(await as("eight", rowsPath))).toEqual([`${secret} 2`, secret]);
  expect(await notes(await as("admin-seven", rowsPath))).toEqual(["mine 2", "mine too"]);
  for (const token of ["nobody", "empty", "admin"]) {
    const refused = await as(token, rowsPath);
    expect([token, refused.status, ((await refused.json()) as { code: string }).code]).toEqual([token, 403, "SCOPE_MISSING"]);
  }
  expect((await as(undefined, rowsPath)).status).toBe(401);
  expect(await notes(await as("nobody", "/api/analytics/datasets/dim_open/query"))).toEqual([undefined]);
});

const attempts: Readonly<Record<string, string>> = {
  "a filter by another's value": "?user_id=8",
  "a list with another's value": "?user_id=7&user_id=8",
  "a list with a comma": "?user_id=7,8",
  "a range over the column": "?user_id_min=0&user_id_max=1000",
  "the column in capitals": "?USER_ID=8",
  "another's text": `?note=${encodeURIComponent(secret)}`,
  "SQL in a value": `?note=${encodeURIComponent("' OR user_id = 8 --")}`,
  "SQL in a name": `?${encodeURIComponent('note" OR user_id = 8 OR "note')}=1`,
  "an offset beyond one's own": "?offset=1",
  "a limit": "?limit=10000",
  "a day that only another has": "?start_date=2026-01-03&end_date=2026-01-03",
  "a sort": "?sort=-user_id",
  "a selection": "?select=note",
  "a filter of the other interface": "?where.user_id.eq=8",
  "the claim as a parameter": "?scope=8",
  "a page of the other interface": "?page=abc",
  "an old release": "?release=r000001",
  "a number of rows": "?amount_min=3",
};

/** For tests that only ask. */
const shared: { server?: ScopedServer } = {};
const closing: Parameters<WhenDone>[0][] = [];
beforeAll(async () => {
  shared.server = await scoped((action) => closing.push(action));
});
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

test.each(Object.entries(attempts))("no row of another by %s", async (_, query) => {
  const { as } = shared.server ?? (await scoped());
  const response = await as("seven", `${rowsPath}${query}`);
  // The answer tells the filters that were asked for, which are the caller's own words.
  const text = (await response.text()).replace(/"filters_applied":.*$/s, '"filters_applied":{}}');
  expect([200, 400, 403]).toContain(response.status);
  expect(text).not.toContain("secret of eight");
  if (response.status !== 200) return;
  const { rows } = JSON.parse(text) as { rows: { user_id: number }[] };
  expect(rows.every((row) => row.user_id === 7)).toBe(true);
});

test("no row of another by tables, views, named queries, exports, pages and old releases of them; all of them open to an administrator", async () => {
  const { as } = await scoped();
  const columns = ["?select=note&sort=-user_id&limit=1", "?where.user_id.eq=7"];
  const closed = [
    ...["fct_spend", "main.fct_spend", "v_spend", "v_open"].flatMap((table) =>
      ["", "?release=r000001", "?format=csv", "?format=ndjson", "?format=parquet", ...(table === "v_open" ? [] : columns)].map(
        (query) => `/v1/stores/marts/tables/${table}/rows${query}`,
      ),
    ),
    ...Object.keys(queries)
      .filter((name) => name !== "open")
      .flatMap((name) => ["", "?release=r000001", "?format=csv"].map((query) => `/v1/stores/marts/queries/${name}${query}`)),
  ];
  for (const path of closed) {
    for (const method of ["GET", "HEAD"]) {
      const refused = await as("seven", path, { method });
      expect([method, path, refused.status]).toEqual([method, path, 403]);
      if (method === "GET") expect(((await refused.json()) as { code: string }).code).toBe("SCOPE_REFUSED");
    }
  }
  for (const path of closed) {
    const answered = await as("admin", path);
    expect([path, answered.status]).toEqual([path, 200]);
    // A stream has its place until it is read to its end.
    await answered.arrayBuffer();
  }
  // What an administrator was answered is kept: it is no answer for others.
  for (const path of closed) expect([path, (await as("seven", path)).status]).toEqual([path, 403]);
  for (const path of ["tables/dim_open/rows", "queries/open", "tables", "tables/fct_spend"])
    expect([path, (await as("seven", `/v1/stores/marts/${path}`)).status]).toEqual([path, 200]);
});

test("an ETag of another is no 304, HEAD tells nothing, and an answer that is kept for one is none for another", async () => {
  const { as } = await scoped();
  const theirs = await as("eight", rowsPath);
  const own = await as("seven", rowsPath);
  const [theirTag, ownTag] = [theirs.headers.get("ETag") ?? "", own.headers.get("ETag") ?? ""];
  expect(theirTag).not.toBe(ownTag);
  expect((await as("seven", rowsPath, { headers: { "If-None-Match": theirTag } })).status).toBe(200);
  expect((await as("seven", rowsPath, { headers: { "If-None-Match": ownTag } })).status).toBe(304);
  for (const headers of [{ "If-None-Match": theirTag }, { "If-None-Match": "*" }, {}])
    for (const method of ["GET", "HEAD"]) expect((await as("nobody", rowsPath, { method, headers })).status).toBe(403);
  const head = await as("seven", rowsPath, { method: "HEAD" });
  expect([head.status, head.headers.get("ETag"), await head.text()]).toEqual([200, ownTag, ""]);
  expect(await notes(await as("seven", rowsPath))).toEqual(["mine 2", "mine too"]);
});

test("a page token of who sees everything opens no page to others", async () => {
  const { as } = await scoped();
  const first = (await (await as("admin", "/v1/stores/marts/tables/fct_spend/rows?limit=1")).json()) as { next: string };
  const next = `/v1/stores/marts/tables/fct_spend/rows?limit=1&page=${encodeURIComponent(first.next)}`;
  expect((await as("admin", next)).status).toBe(200);
  for (const token of ["seven", "nobody"]) expect([token, (await as(token, next)).status]).toEqual([token, 403]);
});

test("whether another has asked already changes nothing: with the other's ETag the answer is made anew, and for nobody nothing is looked up", async () => {
  const { as, server } = await scoped();
  const theirs = (await as("eight", rowsPath)).headers.get("ETag") ?? "";
  const { counts } = server.context.cache;
  const before = { ...counts };
  const headers = { "If-None-Match": theirs };
  expect(await notes(await as("seven", rowsPath, { headers }))).toEqual(["mine 2", "mine too"]);
  expect((await as("nobody", rowsPath, { headers })).status).toBe(403);
  expect(counts).toEqual({ ...before, misses: before.misses + 1 });
});

test("differences, records, events, health and error texts hold no row of another", async () => {
  const { as } = await scoped();
  const paths = [
    "/v1/stores/marts/diff",
    "/v1/stores/marts/diff?from=r000001&to=r000002",
    "/v1/stores/marts/releases",
    "/v1/stores/marts/releases/r000002",
    "/v1/stores/marts/tables/fct_spend",
    "/v1/stores/marts/queries",
    "/api/analytics/datasets/fct_spend/schema",
    "/api/analytics/freshness",
    "/api/analytics/datasets/fct_spend/freshness",
    "/api/data-freshness",
    "/health",
    "/metrics",
    `${rowsPath}?day=x`,
    `${rowsPath}?amount=x`,
  ];
  for (const path of paths) {
    const text = await (await as("seven", path)).text();
    expect([path, text.includes("secret of eight")]).toEqual([path, false]);
  }
  const diff = (await (await as("seven", "/v1/stores/marts/diff")).json()) as { tables: { name: string }[] };
  expect(diff.tables.map(({ name }) => name)).toEqual(["dim_open"]);
  const whole = (await (await as("admin", "/v1/stores/marts/diff")).json()) as { tables: { name: string }[] };
  expect(whole.tables.map(({ name }) => name)).toContain("fct_spend");
  // The check saw the values, and an administrator is told.
  expect(await (await as("admin", "/v1/stores/marts/releases/r000002")).text()).toContain("secret of eight");
});

const near: Readonly<Record<string, readonly [type: string, claim: string, rows: number]>> = {
  "a number that would be rounded": ["BIGINT", "7.4", 0],
  "a number with a zero before": ["BIGINT", "07", 0],
  "a number with a space": ["BIGINT", " 7", 0],
  "no number": ["BIGINT", "seven", 0],
  "NULL in words": ["BIGINT", "NULL", 0],
  "the number": ["BIGINT", "7", 1],
  "a text in other case, where the column does not mind": ["VARCHAR COLLATE NOCASE", "BOB", 0],
  "the text": ["VARCHAR COLLATE NOCASE", "bob", 1],
  "a text with a space at its end": ["VARCHAR", "bob ", 0],
  "a pattern": ["VARCHAR", "%", 0],
};
test.each(Object.entries(near))("values that are nearly another's: %s", async (_, [type, claim, rows]) => {
  const token = `[[tokens]]\nname = "t"\nsha256 = "${hash("t")}"\nlevel = "read"\nclaims = { user_id = "${claim}" }\n`;
  const server = await testServer(
    `format = 1\n${token}[stores.marts]\nkind = "release"\ndir = "data"\n[stores.marts.datasets.t]\nscope_column = "user_id"\n`,
  );
  const values = type.startsWith("VARCHAR") ? "('bob'), (NULL), ('alice')" : "(7), (NULL), (8)";
  await server.publish("marts", `CREATE TABLE t (user_id ${type})`, `INSERT INTO t VALUES ${values}`);
  const { body } = await server.json("/api/analytics/datasets/t/query", { headers: { Authorization: "Bearer t" } });
  expect(body["row_count"]).toBe(rows);
});

test("an app that has mounted the routes says whose request it is, and tokens' claims count for nothing", async () => {
  const server = await scoped();
  const app = new Hono();
  const said = (user: string | undefined) => (user === undefined ? {} : { user_id: user }) as Record<string, string>;
  app.route("/data", lockkeeperRoutes(server.workspace, { scope: (c) => said(c.req.header("X-User")) }));
  const ask = (headers: Record<string, string>) =>
    app.request(`http://app.test/data${rowsPath}`, { headers: { Authorization: "Bearer eight", ...headers } });
  expect(await notes(await ask({ "X-User": "7" }))).toEqual(["mine 2", "mine too"]);
  expect((await ask({})).status).toBe(403);
  expect(
    (
      await app.request(`http://app.test/data/v1/stores/marts/tables/fct_spend/rows`, {
        headers: { Authorization: "Bearer eight" },
      })
    ).status,
  ).toBe(403);
});

test("a release that has lost the scope's column shows no row", async () => {
  const { as, publish } = await scoped();
  await publish("marts", "CREATE TABLE fct_spend AS SELECT 'x' AS note", "CREATE TABLE dim_open AS SELECT 1 AS word");
  const refused = await as("seven", rowsPath);
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([403, "SCOPE_MISSING"]);
  expect((await as("seven", "/v1/stores/marts/tables/fct_spend/rows")).status).toBe(403);
});

test("a build in quarantine is closed like a release", async () => {
  const { as, workspace } = await scoped();
  const result = await workspace.publish("marts", async ({ path, message }) => {
    await writeDatabase(path, ...statements(3));
    message({
      type: "check",
      name: "own",
      status: "fail",
      severity: "error",
      observed: "x",
      expected: "y",
      message: "refused by itself",
    } as never);
  });
  expect(result.outcome).toBe("refused");
  const refused = await as("seven", `/v1/stores/marts/tables/fct_spend/rows?release=${result.build}`);
  expect(refused.status).toBe(403);
  expect(await notes(await as("seven", `${rowsPath}?release=${result.build}`))).toEqual(["mine 3", "mine too"]);
});
