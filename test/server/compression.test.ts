import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { gunzipSync, inflateSync } from "node:zlib";
import { expect, it, onTestFinished } from "vitest";
import { listen } from "../../src/server/listen.ts";
import { testServer } from "./support/server.ts";

const rows = "/v1/stores/holdings/tables/t/rows";

async function served() {
  const test = await testServer();
  await test.publish("holdings", "CREATE TABLE t AS SELECT range AS n, 'row ' || range AS name FROM range(20000)");
  const { limits } = test.workspace.serveSettings();
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const { address, drain } = await listen(test.server, { host: "127.0.0.1", port: 0, limits, log });
  onTestFinished(async () => {
    await drain(0);
  });
  return async (path: string, headers: Record<string, string> = {}, method = "GET") => {
    const asked = request({ ...address, path, headers, method, agent: false });
    asked.end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
  };
}

it("an answer is compressed where the caller takes it, and is the same; caches are told what it depends on", async () => {
  const ask = await served();
  const opened = { gzip: gunzipSync, deflate: inflateSync };
  for (const path of [rows, `${rows}?limit=900`, `${rows}?format=ndjson`, `${rows}?format=csv`]) {
    const plain = await ask(path);
    expect([plain.status, plain.headers["content-encoding"], plain.headers.vary]).toEqual([
      200,
      undefined,
      "Accept, Authorization, Accept-Encoding",
    ]);
    for (const encoding of ["gzip", "deflate"] as const) {
      const packed = await ask(path, { "Accept-Encoding": encoding });
      expect([packed.status, packed.headers["content-encoding"], packed.headers.vary]).toEqual([
        200,
        encoding,
        "Accept, Authorization, Accept-Encoding",
      ]);
      expect(packed.headers["content-length"]).toBeUndefined();
      expect(packed.body.byteLength).toBeLessThan(plain.body.byteLength / 2);
      expect(opened[encoding](packed.body).equals(plain.body)).toBe(true);
      expect(packed.headers.etag).toBe(plain.headers.etag);
    }
  }
});

it("what is short, what is Parquet, what has no body and what the caller does not take is sent as it is", async () => {
  const ask = await served();
  const gzip = { "Accept-Encoding": "gzip" };
  const { headers } = await ask(rows);
  const same = await ask(rows, { ...gzip, "If-None-Match": headers.etag ?? "" });
  expect([same.status, same.body.byteLength, same.headers["content-encoding"]]).toEqual([304, 0, undefined]);
  const head = await ask(rows, gzip, "HEAD");
  expect([head.status, head.body.byteLength, head.headers["content-encoding"]]).toEqual([200, 0, undefined]);
  const short = await ask(`${rows}?limit=2`, gzip);
  expect(short.headers["content-encoding"]).toBeUndefined();
  expect(short.headers["content-length"]).toBe(String(short.body.byteLength));
  const parquet = await ask(`${rows}?format=parquet`, gzip);
  expect([parquet.headers["content-encoding"], parquet.body.subarray(0, 4).toString()]).toEqual([undefined, "PAR1"]);
  const refused = await ask(rows, { "Accept-Encoding": "gzip;q=0, br" });
  expect([refused.status, refused.headers["content-encoding"]]).toEqual([200, undefined]);
});
