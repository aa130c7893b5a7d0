import { readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sharedServer, testServer, type TestServer } from "./support/server.ts";
import { valueIn, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const rows = "/v1/stores/holdings/tables/t/rows";

const table = `CREATE TABLE t AS SELECT range AS id, range * 1000000000000000000000::HUGEINT AS big, 'x,"' || range AS text, CASE WHEN range = 1 THEN NULL ELSE '=1+1' END AS formula FROM range(3)`;

const shared = sharedServer([table]);

async function served(...statements: string[]): Promise<TestServer> {
  const server = await testServer();
  await server.publish("holdings", ...statements);
  return server;
}

test.each([
  ["format=ndjson", {}, "application/x-ndjson"],
  ["", { Accept: "application/x-ndjson" }, "application/x-ndjson"],
  ["", { Accept: "text/html, application/ndjson;q=0.9, application/json;q=0.8" }, "application/x-ndjson"],
  ["format=csv", { Accept: "application/json" }, "text/csv"],
  ["", { Accept: "text/*" }, "text/csv"],
  ["", { Accept: "*/*" }, "application/json"],
  ["format=parquet", {}, "application/vnd.apache.parquet"],
])("%s with %j is %s", async (query, headers, type) => {
  const response = await shared().ask(`${rows}?${query}`, { headers });
  expect([response.status, response.headers.get("Content-Type")?.split(";")[0]]).toEqual([200, type]);
  await response.arrayBuffer();
});

test("what accepts none of the formats is 406", async () => {
  expect((await shared().json(rows, { headers: { Accept: "image/png, application/json;q=0" } })).body).toMatchObject({
    status: 406,
    code: "FORMAT_REFUSED",
  });
});

test("NDJSON and CSV hold every value exactly, and formulas are guarded on request", async () => {
  const { ask } = await served(table);
  expect(await (await ask(`${rows}?format=ndjson&limit=2`)).text()).toBe(
    `{"id":"0","big":"0","text":"x,\\"0","formula":"=1+1"}\n{"id":"1","big":"1000000000000000000000","text":"x,\\"1","formula":null}\n`,
  );
  expect(await (await ask(`${rows}?format=csv&select=id,text,formula&guard=true`)).text()).toBe(
    `id,text,formula\r\n0,"x,""0",'=1+1\r\n1,"x,""1",\r\n2,"x,""2",'=1+1\r\n`,
  );
});

test("Parquet comes whole, with its length, and leaves nothing behind", async () => {
  const { ask } = await served(table);
  const folders = () => readdirSync(tmpdir()).filter((name) => /^lockkeeper-[A-Za-z0-9]{6}$/.test(name));
  const before = new Set(folders());
  const response = await ask(`${rows}?format=parquet&where.id.ge=1`);
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(Number(response.headers.get("Content-Length"))).toBe(bytes.byteLength);
  const folder = temporaryFolder();
  writeFileSync(join(folder, "t.parquet"), bytes);
  await writeDatabase(join(folder, "t.duckdb"), `CREATE TABLE t AS FROM '${join(folder, "t.parquet")}'`);
  expect(await valueIn(join(folder, "t.duckdb"), "SELECT count(*) || ' ' || max(big) FROM t")).toBe("2 2000000000000000000000");
  expect(folders().filter((name) => !before.has(name))).toEqual([]);
});

test("rows beyond every limit of a whole answer are streamed, each once and in order", async () => {
  const { ask, server } = await served("CREATE TABLE t AS SELECT range AS n FROM range(1_200_000)");
  const response = await ask(`${rows}?format=ndjson`);
  let expected = 0;
  let rest = "";
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== `{"n":"${expected}"}`) throw new Error(`${line} after ${expected} rows`);
      expected += 1;
    }
  }
  expect([rest, expected]).toEqual(["", 1_200_000]);
  const inUse = () =>
    server.context.stores
      .peek("holdings")
      ?.status()
      .generations.map(({ inFlightRequests }) => inFlightRequests);
  await expect.poll(inUse, { timeout: 20_000 }).toEqual([0]);
  expect(server.context.streamGate.load).toEqual({ running: 0, waiting: 0 });
});

test("what fails before its first piece is a problem; what fails later has no end", async () => {
  const { json, ask, publish } = await served("CREATE VIEW t AS SELECT CAST(x AS INTEGER) AS n FROM (VALUES ('x')) AS v(x)");
  expect((await json(`${rows}?format=ndjson`)).body).toMatchObject({ status: 500, code: "QUERY_FAILED" });
  await publish(
    "holdings",
    "CREATE TABLE raw AS SELECT CASE WHEN range = 900000 THEN 'x' ELSE range::VARCHAR END AS x FROM range(1000000)",
    "CREATE VIEW t AS SELECT CAST(x AS INTEGER) AS n FROM raw",
  );
  const response = await ask("/v1/stores/holdings/tables/raw/rows?format=csv&where.x.is=not_null");
  expect(response.status).toBe(200);
  await response.body?.cancel();
});

test("pages are of JSON alone", async () => {
  const { json } = await served(table);
  const { body } = await json(`${rows}?limit=1`);
  expect((await json(`${rows}?limit=1&format=csv&page=${String(body["next"])}`)).body).toMatchObject({ code: "REQUEST_INVALID" });
});
