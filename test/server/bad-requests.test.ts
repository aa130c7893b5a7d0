import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorCodes } from "../../src/errors/codes.ts";
import { addressRows } from "./bad-requests/addresses.ts";
import { messageRows } from "./bad-requests/messages.ts";
import type { BadRequest, Scene } from "./bad-requests/row.ts";
import { valueRows } from "./bad-requests/values.ts";
import { servedFolder, startServe, type ServeProcess } from "./support/process.ts";
import { exchange } from "./support/raw.ts";

const token = "admin-token-of-the-test";
const readerToken = "reader-token-of-the-test";
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

const config = `format = 1
[[tokens]]
name = "admin"
sha256 = "${sha256(token)}"
level = "admin"
[[tokens]]
name = "reader"
sha256 = "${sha256(readerToken)}"
level = "read"
stores = ["holdings"]
[stores.holdings]
kind = "release"
dir = "data/holdings"
queries = "queries/*.sql"
[stores.marts]
kind = "release"
dir = "data/marts"
`;

const query = "-- param n: integer\nSELECT n FROM t WHERE n <= $n ORDER BY n\n";
const statements = ["CREATE TABLE t AS SELECT range + 1 AS n, 'x' AS s FROM range(10)", "CREATE TABLE u AS SELECT 1 AS n"];

/** What no answer to a stranger holds: paths, stacks, statements, names of files. */
const leaks: readonly RegExp[] = [
  /\/(?:tmp|home|root|usr|var|etc|work|data)\//,
  /node_modules|node:internal|\.(?:duckdb|toml|mjs|js|ts)\b/,
  /^\s+at /m,
  /\b(?:SELECT|FROM|WHERE|LIMIT|ATTACH|INSERT)\b.*\b(?:FROM|WHERE|LIMIT|AS)\b/,
  /\b(?:Binder|Parser|Catalog|Conversion|IO|Invalid Input) Error\b/,
];

let folder: { readonly folder: string; remove(): void };
let server: ServeProcess;
let scene: Scene;

beforeAll(async () => {
  folder = await servedFolder(
    { "lockkeeper.toml": config, "queries/top.sql": query },
    { holdings: statements, marts: statements },
  );
  server = await startServe(folder.folder);
  const host = `127.0.0.1:${server.port}`;
  const answer = await good("/v1/stores/holdings/tables/t/rows?limit=2");
  scene = { host, token, readerToken, page: answer["next"] as string };
}, 60_000);

afterAll(async () => {
  server.process.kill("SIGTERM");
  await server.ended;
  folder.remove();
});

async function good(path: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.url}${path}`, { headers: { Authorization: `Bearer ${token}` } });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

/** An answer may repeat what it was sent; anything else of this kind comes from inside. */
function leaksOf(answer: string, sent: string): string[] {
  const asked = sent.replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCodePoint(Number.parseInt(digits, 16)));
  // The configuration file's name is no secret: hints say it.
  const told = answer.replaceAll("lockkeeper.toml", "the configuration");
  return leaks.filter((pattern) => pattern.test(told) && !pattern.test(asked)).map(String);
}

async function expectRefused({ bytes, answer }: BadRequest): Promise<void> {
  const sent = bytes(scene);
  const got = await exchange(server.port, sent);
  if (answer === "closed") {
    expect(got).toBeUndefined();
    return;
  }
  const [status, code] = answer;
  if (got === undefined) throw new Error("the connection was closed without an answer");
  const { body, headers } = got;
  expect([got.status, JSON.parse(body)]).toEqual([status, expect.objectContaining({ status, code })]);
  expect(headers["content-type"]).toBe("application/problem+json");
  expect(headers["request-id"]).toMatch(/^[0-9a-f]{16}$/);
  expect(Object.keys(errorCodes)).toContain(code);
  expect(leaksOf(body, sent)).toEqual([]);
  expect(body).not.toContain(folder.folder);
}

describe.each([
  ["addresses", addressRows],
  ["messages", messageRows],
  ["values", valueRows],
] as const)("%s", (_, rows) => {
  it.each(rows.map((each) => [each.name, each] as const))("%s", async (__, each) => {
    await expectRefused(each);
    await good("/v1/stores/holdings/tables");
  });
});

describe("all of them", () => {
  it("are at least 120, each under a name of its own", () => {
    const names = [...addressRows, ...messageRows, ...valueRows].map(({ name }) => name);
    expect(names.length).toBeGreaterThanOrEqual(120);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it("changed nothing: the store is at its first version", async () => {
    expect(await good("/v1/stores/holdings")).toMatchObject({ version: 1, release: "r000001", servingVersion: 1 });
  });

  it("were told in the log without a token, a query string or an error of the server", () => {
    expect(server.stderr()).toContain('"route":"/v1/stores/{store}/tables/{table}/rows"');
    expect(server.stderr()).not.toContain(token);
    expect(server.stderr()).not.toContain("DROP");
    expect(server.stderr()).not.toMatch(/"level":"(?:error|warn)"/);
  });
});

describe("what the rows look for", () => {
  it.each([
    "cannot open /tmp/x/holdings",
    "read of /var/lib",
    "    at Object.<anonymous> (x)",
    "SELECT * FROM t",
    "Binder Error: no column",
    "holdings.duckdb",
  ])("%j is a leak", (text) => {
    expect(leaks.some((pattern) => pattern.test(` ${text}/`) || pattern.test(text))).toBe(true);
  });
});
