import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { testServer, type TestServer } from "./support/server.ts";

const config = `format = 1
[[tokens]]
name = "chief"
sha256 = "${createHash("sha256").update("chief-me").digest("hex")}"
level = "admin"
[stores.holdings]
kind = "release"
dir = "data/holdings"
`;

async function threeReleases(): Promise<
  TestServer & { rollback: (headers: Record<string, string>, body?: unknown) => ReturnType<TestServer["json"]> }
> {
  const server = await testServer(config);
  for (const n of [1, 2, 3]) await server.publish("holdings", `CREATE TABLE t AS SELECT ${n} AS n`);
  const rollback = (headers: Record<string, string>, body: unknown = { reason: "wrong quarter" }) =>
    server.json("/v1/stores/holdings/rollback", {
      method: "POST",
      headers: { Authorization: "Bearer chief-me", "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  return { ...server, rollback };
}

test("goes back from the version that was named, under a new one, with reason and name in the history", async () => {
  const { rollback, workspace, json } = await threeReleases();
  const done = await rollback({ "If-Match": '"3"' });
  expect([done.status, done.body]).toEqual([
    200,
    { store: "holdings", release: "r000002", version: 4, previous: { release: "r000003", version: 3 }, reason: "rollback" },
  ]);
  const rows = await json("/v1/stores/holdings/tables/t/rows", { headers: { Authorization: "Bearer chief-me" } });
  expect(rows.body).toMatchObject({ rows: [[2]], version: 4 });
  const events = [];
  for await (const event of workspace.events({ store: "holdings" })) events.push(event);
  expect(events.at(-1)).toMatchObject({ release: "r000002", reason: "rollback" });
  expect(JSON.stringify(events.at(-1))).toContain("wrong quarter (by chief, over HTTP)");
});

test("a version that is not active any more is 412, a missing If-Match 428, and nothing changes", async () => {
  const { rollback, workspace } = await threeReleases();
  expect([
    (await rollback({ "If-Match": '"2"' })).body["code"],
    (await rollback({})).body["code"],
    (await rollback({ "If-Match": "3" })).body["code"],
  ]).toEqual(["VERSION_CHANGED", "PRECONDITION_MISSING", "REQUEST_INVALID"]);
  expect((await workspace.status())[0]?.version).toBe(3);
});

test("sent twice with one key it is done once; the key with another request is refused", async () => {
  const { rollback, workspace } = await threeReleases();
  const headers = { "If-Match": '"3"', "Idempotency-Key": "5d7c" };
  const [first, second] = await Promise.all([rollback(headers), rollback(headers)]);
  expect(second.body).toEqual(first.body);
  expect((await rollback(headers)).body).toEqual(first.body);
  expect((await rollback(headers, { reason: "another" })).body).toMatchObject({ status: 422, code: "KEY_REUSED" });
  expect((await workspace.status())[0]?.version).toBe(4);
});

test.each([
  [{ reason: "" }, "reason"],
  [{}, "reason"],
  [{ reason: "x", to: "r000001", steps: 1 }, "not both"],
  [{ reason: "x", steps: 0 }, "steps"],
  [{ reason: "x", force: true }, "force"],
  [["reason"], "body"],
])("a body that cannot be meant is refused: %j", async (body, word) => {
  const { rollback } = await threeReleases();
  const { status, body: problem } = await rollback({ "If-Match": '"3"' }, body);
  expect([status, problem["code"]]).toEqual([400, "REQUEST_INVALID"]);
  expect(String(problem["detail"])).toContain(word);
});

test("a form, which any page can send, and a body that is too large are refused", async () => {
  const { rollback } = await threeReleases();
  expect((await rollback({ "If-Match": '"3"', "Content-Type": "text/plain" })).status).toBe(400);
  expect((await rollback({ "If-Match": '"3"' }, { reason: "x".repeat(70_000) })).status).toBe(413);
  expect((await rollback({ "If-Match": '"3"' }, { reason: "x", to: "r000009" })).body).toMatchObject({
    status: 404,
    code: "RELEASE_UNKNOWN",
  });
});
