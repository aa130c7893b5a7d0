import { row, type BadRequest, type Scene } from "./row.ts";

const store = "/v1/stores/holdings";
const tables = `${store}/tables`;
const rows = `${tables}/t/rows`;
const rollback = `${store}/rollback`;
const invalid = [400, "REQUEST_INVALID"] as const;
const tokenRefused = [401, "TOKEN_REFUSED"] as const;
const encode = encodeURIComponent;

/** Texts that would do something if they ever became SQL. */
const statements = [
  "'; DROP TABLE t; --",
  '" OR 1=1 --',
  "1) UNION SELECT * FROM duckdb_settings() --",
  "read_csv('/etc/passwd')",
  "$1; ATTACH 'x'",
];

const parameters: BadRequest[] = [
  row("a parameter that is none", { target: `${rows}?limti=1` }, invalid),
  row("a parameter twice", { target: `${rows}?limit=1&limit=2` }, invalid),
  row("a parameter twice, once encoded", { target: `${rows}?limit=1&%6cimit=2` }, invalid),
  row("__proto__ as a parameter", { target: `${rows}?__proto__=1` }, invalid),
  row("constructor as a parameter", { target: `${rows}?constructor=1` }, invalid),
  row("a parameter in brackets", { target: `${rows}?limit[]=1` }, invalid),
  row("an empty parameter", { target: `${rows}?=1` }, invalid),
  row("a parameter in another case", { target: `${rows}?LIMIT=1` }, invalid),
  ...["0", "-1", "1.5", "1e3", "0x10", "NaN", "", " 1", "10001", "9".repeat(16), "9".repeat(400)].map((limit) =>
    row(`limit ${limit.slice(0, 20)}`, { target: `${rows}?limit=${encode(limit)}` }, invalid),
  ),
  row("a format that is none", { target: `${rows}?format=xlsx` }, invalid),
  row("a shape that is none", { target: `${rows}?shape=table` }, invalid),
  row("a guard that is neither", { target: `${rows}?guard=1` }, invalid),
  row("an empty select", { target: `${rows}?select=` }, invalid),
  row("a select of nothing", { target: `${rows}?select=,` }, invalid),
  row("a column that is not there", { target: `${rows}?select=nope` }, invalid),
  row("a column with an open quote", { target: `${rows}?select=%22n` }, invalid),
  row("rowid", { target: `${rows}?select=rowid` }, invalid),
  row("a star", { target: `${rows}?select=*` }, invalid),
  row("an empty sort", { target: `${rows}?sort=` }, invalid),
  row("a sort by a number", { target: `${rows}?sort=1` }, invalid),
  row("a sort of dashes", { target: `${rows}?sort=--n` }, invalid),
  ...statements.flatMap((text) => [
    row(`SQL in select: ${text}`, { target: `${rows}?select=${encode(text)}` }, invalid),
    row(`SQL in sort: ${text}`, { target: `${rows}?sort=${encode(text)}` }, invalid),
    row(`SQL in release: ${text}`, { target: `${rows}?release=${encode(text)}` }, invalid),
    row(`SQL as a table: ${text}`, { target: `${tables}/${encode(text)}/rows` }, [404, "TABLE_UNKNOWN"]),
    row(`SQL as a column: ${text}`, { target: `${rows}?where.${encode(text)}.eq=1` }, invalid),
    row(`SQL as a number: ${text}`, { target: `${rows}?where.n.eq=${encode(text)}` }, invalid),
    row(`SQL for a query: ${text}`, { target: `${store}/queries/top?n=${encode(text)}` }, invalid),
  ]),
  ...[
    "information_schema.tables",
    "duckdb_settings()",
    "pg_catalog.pg_class",
    "system.main.duckdb_tables",
    "temp.t",
    "main.main.t",
  ].map((name) => row(`a table of the engine: ${name}`, { target: `${tables}/${name}/rows` }, [404, "TABLE_UNKNOWN"])),
];

const filters: BadRequest[] = [
  ...["where.", "where.n", "where.n.", "where..eq", "where.eq", "where.n.xx", "where.n.EQ", "where.n.eq.eq", "where.nope.eq"].map(
    (name) => row(`the filter ${name}`, { target: `${rows}?${name}=1` }, invalid),
  ),
  row("a filter on a number by like", { target: `${rows}?where.n.like=1` }, invalid),
  row("a filter is something else", { target: `${rows}?where.n.is=nil` }, invalid),
  row("a filter of a number that is none", { target: `${rows}?where.n.eq=abc` }, invalid),
  row("a filter of a number beyond its type", { target: `${rows}?where.n.eq=${"9".repeat(60)}` }, invalid),
  row("a filter of a number, empty", { target: `${rows}?where.n.eq=` }, invalid),
  row("__proto__ as a column", { target: `${rows}?where.__proto__.eq=1` }, invalid),
];

const forged = (change: (token: Record<string, unknown>) => object) => (scene: Scene) => {
  const token = JSON.parse(Buffer.from(scene.page, "base64url").toString()) as Record<string, unknown>;
  return { target: `${rows}?limit=2&page=${Buffer.from(JSON.stringify(change(token))).toString("base64url")}` };
};

const pages: BadRequest[] = [
  row("a page that is none", { target: `${rows}?page=abc` }, invalid),
  row("an empty page", { target: `${rows}?page=` }, invalid),
  row("a page cut short", ({ page }) => ({ target: `${rows}?page=${page.slice(0, -8)}` }), invalid),
  row("a page of another table", ({ page }) => ({ target: `${tables}/u/rows?page=${page}` }), invalid),
  row("a page of another store", ({ page }) => ({ target: `/v1/stores/marts/tables/t/rows?page=${page}` }), [410, "PAGE_GONE"]),
  row("a page of another sort", ({ page }) => ({ target: `${rows}?sort=n&page=${page}` }), invalid),
  row("a page of a whole format", ({ page }) => ({ target: `${rows}?format=csv&page=${page}` }), invalid),
  row("a page and another release", ({ page }) => ({ target: `${rows}?release=r000009&page=${page}` }), invalid),
  row(
    "a page of a release that is gone",
    forged((token) => ({ ...token, r: "r999999" })),
    [410, "PAGE_GONE"],
  ),
  row(
    "a page of a path",
    forged((token) => ({ ...token, r: "../../x" })),
    [410, "PAGE_GONE"],
  ),
  row(
    "a page of another uid",
    forged((token) => ({ ...token, u: "0".repeat(32) })),
    [410, "PAGE_GONE"],
  ),
  row(
    "a page before the first",
    forged((token) => ({ ...token, o: -1 })),
    invalid,
  ),
  row(
    "a page at a fraction",
    forged((token) => ({ ...token, o: 1.5 })),
    invalid,
  ),
  row(
    "a page at a text",
    forged((token) => ({ ...token, o: "0; DROP TABLE t" })),
    invalid,
  ),
  row(
    "a page with something more",
    forged((token) => ({ ...token, x: 1 })),
    invalid,
  ),
  row(
    "a page that is a list",
    forged(() => []),
    invalid,
  ),
  row("a page with __proto__", { target: `${rows}?page=${Buffer.from('{"__proto__":{"o":0}}').toString("base64url")}` }, invalid),
];

const headers: BadRequest[] = [
  row("no token", { target: tables, headers: { Authorization: undefined } }, tokenRefused),
  ...[
    "Bearer",
    "Bearer ",
    "Bearer wrong",
    "Basic YTpi",
    "bearer\twrong",
    `Bearer ${"a".repeat(5_000)}`,
    "Bearer \u00ff",
    "Token x",
  ].map((text) =>
    row(`the token ${JSON.stringify(text.slice(0, 20))}`, { target: tables, headers: { Authorization: text } }, tokenRefused),
  ),
  row(
    "two tokens",
    ({ token }) => ({ target: tables, headers: { Authorization: [`Bearer ${token}`, "Bearer x"] } }),
    tokenRefused,
  ),
  row(
    "a token in the address",
    ({ token }) => ({ target: `${tables}?token=${token}`, headers: { Authorization: undefined } }),
    tokenRefused,
  ),
  row(
    "a store that the token does not have",
    ({ readerToken }) => ({ target: "/v1/stores/marts", headers: { Authorization: `Bearer ${readerToken}` } }),
    [404, "STORE_UNKNOWN"],
  ),
  row(
    "a rollback by who may only read",
    ({ readerToken }) => ({ method: "POST", target: rollback, body: "{}", headers: { Authorization: `Bearer ${readerToken}` } }),
    [403, "LEVEL_REFUSED"],
  ),
  ...["abc", "-1", "1.5", '"1"', "9".repeat(17), "1, 2", ""].map((text) =>
    row(`Min-Version ${JSON.stringify(text.slice(0, 20))}`, { target: tables, headers: { "Min-Version": text } }, invalid),
  ),
  row("Accept of nothing there is", { target: rows, headers: { Accept: "application/xml" } }, [406, "FORMAT_REFUSED"]),
  row("Accept of no quality", { target: rows, headers: { Accept: "*/*;q=0" } }, [406, "FORMAT_REFUSED"]),
  row("Accept that is no list of types", { target: rows, headers: { Accept: ";;;,,q=x" } }, [406, "FORMAT_REFUSED"]),
  ...["abc", "-1", "999999999", "1.5", "a".repeat(65), "__proto__"].map((text) =>
    row(
      `Last-Event-ID ${text.slice(0, 20)}`,
      { target: "/v1/events?store=holdings", headers: { "Last-Event-ID": text } },
      invalid,
    ),
  ),
  row("events of no store", { target: "/v1/events" }, invalid),
  row("events of a store that is not there", { target: "/v1/events?store=nope" }, [404, "STORE_UNKNOWN"]),
];

const json = { "Content-Type": "application/json", "If-Match": '"1"' };
const send = (body: string, more: Readonly<Record<string, string | undefined>> = {}) => ({
  method: "POST",
  target: rollback,
  body,
  headers: { ...json, ...more },
});

const bodies: BadRequest[] = [
  row("a rollback without If-Match", send('{"reason":"x"}', { "If-Match": undefined }), [428, "PRECONDITION_MISSING"]),
  ...["1", "*", 'W/"1"', '"x"', '"1", "2"', '"-1"', `"${"9".repeat(16)}"`, '""'].map((text) =>
    row(`If-Match ${text.slice(0, 20)}`, send('{"reason":"x"}', { "If-Match": text }), invalid),
  ),
  row("If-Match of a version that is not active", send('{"reason":"x"}', { "If-Match": '"77"' }), [412, "VERSION_CHANGED"]),
  row("a body that is not said to be JSON", send('{"reason":"x"}', { "Content-Type": "text/plain" }), invalid),
  row("a form", send("reason=x", { "Content-Type": "application/x-www-form-urlencoded" }), invalid),
  row("a body without a type", send('{"reason":"x"}', { "Content-Type": undefined }), invalid),
  ...["{", "{'reason':'x'}", "[]", "null", "1", '"x"', '{"reason":"x"}x', "\xff\xfe", "NaN", "{}"].map((text) =>
    row(`the body ${text}`, send(text), invalid),
  ),
  row("no body", { ...send(""), headers: { ...json, "Content-Length": "0" } }, invalid),
  row("a reason that is a number", send('{"reason":1}'), invalid),
  row("an empty reason", send('{"reason":""}'), invalid),
  row("a reason of 1,001 characters", send(`{"reason":"${"a".repeat(1_001)}"}`), invalid),
  row("steps that are a text", send('{"reason":"x","steps":"1"}'), invalid),
  row("steps of a half", send('{"reason":"x","steps":0.5}'), invalid),
  row("steps beyond counting", send('{"reason":"x","steps":1e300}'), invalid),
  row("both steps and a release", send('{"reason":"x","steps":1,"to":"r000001"}'), invalid),
  row("a release that is a path", send('{"reason":"x","to":"../r000001"}'), invalid),
  row("a release that is not there", send('{"reason":"x","to":"r999999"}'), [404, "RELEASE_UNKNOWN"]),
  row("a key that is none", send('{"reason":"x","reasons":"y"}'), invalid),
  row("__proto__ in a body", send('{"reason":"x","__proto__":{"to":"r000001"}}'), invalid),
  row("constructor in a body", send('{"reason":"x","constructor":{"prototype":{}}}'), invalid),
  row("a body that is deep", send("[".repeat(20_000)), invalid),
  row("a body that is deep and whole", send(`${"[".repeat(20_000)}${"]".repeat(20_000)}`), invalid),
  row("a body that is large", send(`{"reason":"${"a".repeat(100_000)}"}`), [413, "REQUEST_TOO_LARGE"]),
  row("a body that says it is large", { ...send(""), headers: { ...json, "Content-Length": "999999999" } }, [
    413,
    "REQUEST_TOO_LARGE",
  ]),
  row("a key of once that is none", send('{"reason":"x"}', { "Idempotency-Key": "a b" }), invalid),
  row("a key of once that is long", send('{"reason":"x"}', { "Idempotency-Key": "a".repeat(256) }), invalid),
];

/** Values that are wrong, at addresses that are right. */
export const valueRows: readonly BadRequest[] = [...parameters, ...filters, ...pages, ...headers, ...bodies];
