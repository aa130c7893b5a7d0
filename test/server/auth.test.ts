import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { testServer } from "./support/server.ts";

const sha = (token: string) => createHash("sha256").update(token).digest("hex");

const stores = `
[stores.holdings]
kind = "release"
dir = "data/holdings"
[stores.private]
kind = "release"
dir = "data/private"
`;

const config = `format = 1
[[tokens]]
name = "reader"
sha256 = "${sha("read-me")}"
level = "read"
stores = ["holdings"]
[[tokens]]
name = "chief"
sha256 = "${sha("chief-me")}"
level = "admin"
[[tokens]]
name = "lost"
sha256 = "env:LOCKKEEPER_TEST_NO_SUCH_VARIABLE"
level = "admin"
${stores}`;

const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

test("without a known token every answer is the same 401", async () => {
  const { ask } = await testServer(config);
  const bodies = new Set<string>();
  for (const authorization of [
    undefined,
    "",
    "Bearer",
    "Bearer ",
    "Bearer wrong",
    "Basic cmVhZC1tZTo=",
    `Bearer ${sha("read-me")}`,
    `Bearer ${"x".repeat(100_000)}`,
  ]) {
    const response = await ask("/v1/stores", authorization === undefined ? {} : { headers: { Authorization: authorization } });
    expect(response.status).toBe(401);
    expect(response.headers.get("WWW-Authenticate")).toBe('Bearer realm="lockkeeper"');
    bodies.add(await response.text());
  }
  expect(bodies.size).toBe(1);
});

test("a token opens its level and its stores, and other stores are not there for it", async () => {
  const { json, publish } = await testServer(config);
  await publish("private", "CREATE TABLE t AS SELECT 1 AS n");
  const list = await json("/v1/stores", bearer("read-me"));
  expect((list.body["stores"] as { store: string }[]).map(({ store }) => store)).toEqual(["holdings"]);
  const hidden = await json("/v1/stores/private/tables", bearer("read-me"));
  const missing = await json("/v1/stores/nothing/tables", bearer("read-me"));
  expect([hidden.status, missing.status]).toEqual([404, 404]);
  expect(String(hidden.body["detail"]).replace("private", "nothing")).toBe(missing.body["detail"]);
  expect((await json("/v1/stores/private/tables", bearer("chief-me"))).status).toBe(200);
  const denied = await json("/v1/stores/holdings/rollback", { method: "POST", ...bearer("read-me") });
  expect([denied.status, denied.body["code"]]).toEqual([403, "LEVEL_REFUSED"]);
});

test("a token whose hash is not there opens nothing, and the log says so", async () => {
  const { ask, log } = await testServer(`format = 1
[[tokens]]
name = "lost"
sha256 = "env:LOCKKEEPER_TEST_NO_SUCH_VARIABLE"
level = "admin"
${stores}`);
  expect((await ask("/v1/stores")).status).toBe(401);
  expect(log.some(({ level, message }) => level === "error" && message.includes("LOCKKEEPER_TEST_NO_SUCH_VARIABLE"))).toBe(true);
});

test("without any configured token everybody reads and nobody changes", async () => {
  const { ask } = await testServer(`format = 1${stores}`);
  expect((await ask("/v1/stores")).status).toBe(200);
  expect((await ask("/v1/stores/holdings/rollback", { method: "POST" })).status).toBe(403);
});

test.each([
  ["127.0.0.1:4600", 200],
  ["localhost:4600", 200],
  ["[::1]", 200],
  ["analytics.example.com", 200],
  ["ANALYTICS.example.com:8443", 200],
  ["evil.example.com", 421],
  ["127.0.0.1.evil.example.com", 421],
  ["", 421],
])("Host %j is %i", async (host, status) => {
  const { ask } = await testServer(`format = 1\n[serve]\nhosts = ["analytics.example.com"]\n${stores}`);
  expect((await ask("/v1/stores", { headers: { Host: host } })).status).toBe(status);
});

test("every answer, an error's too, tells browsers what they may not do", async () => {
  const { ask } = await testServer(config);
  for (const path of ["/v1/stores", "/nothing"]) {
    const { headers } = await ask(path);
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(headers.get("Content-Security-Policy")).toContain("default-src 'none'");
    expect(headers.get("Access-Control-Allow-Origin")).toBeNull();
    expect(headers.get("Request-Id")).toMatch(/^[0-9a-f]{16}$/);
  }
});
