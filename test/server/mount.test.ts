import { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import { lendRelease, lockkeeperRoutes, type LentVariables } from "../../src/hono.ts";
import { openWorkspace } from "../../src/workspace/workspace.ts";
import { testServer } from "./support/server.ts";

async function mounted() {
  const { folder, publish } = await testServer();
  const workspace = await openWorkspace({ config: `${folder}/lockkeeper.toml` });
  onTestFinished(() => workspace.close());
  return { workspace, publish };
}

test("the routes answer below a path of another app, under any name that it has", async () => {
  const { workspace, publish } = await mounted();
  await publish("holdings", "CREATE TABLE t AS SELECT 1 AS n");
  const app = new Hono().route("/data", lockkeeperRoutes(workspace)).get("/own", (c) => c.text("own"));
  const rows = await app.request("http://app.example.com/data/v1/stores/holdings/tables/t/rows");
  expect([rows.status, ((await rows.json()) as { rows: unknown }).rows]).toEqual([200, [[1]]]);
  const missing = await app.request("http://app.example.com/data/v1/stores/nothing");
  expect([missing.status, missing.headers.get("Content-Type")]).toEqual([404, "application/problem+json"]);
  expect(await (await app.request("http://app.example.com/own")).text()).toBe("own");
});

test("two queries of one request come from one release, whatever is published between them", async () => {
  const { workspace, publish } = await mounted();
  await publish("holdings", "CREATE TABLE t AS SELECT 1 AS n");
  const app = new Hono<{ Variables: LentVariables }>();
  app.get("/both", lendRelease(workspace, "holdings"), async (c) => {
    const release = c.get("release");
    const first = await release.query("SELECT n FROM t");
    await publish("holdings", "CREATE TABLE t AS SELECT 2 AS n");
    const second = await release.query("SELECT n FROM t");
    return c.json([first.rows[0]?.[0], second.rows[0]?.[0]]);
  });
  const both = await app.request("http://localhost/both");
  expect([await both.json(), both.headers.get("Data-Version")]).toEqual([[1, 1], "1"]);
});

test("a store that cannot be read is a problem; what a handler throws is its app's", async () => {
  const { workspace, publish } = await mounted();
  const app = new Hono<{ Variables: LentVariables }>();
  app.get("/fails", lendRelease(workspace, "holdings"), () => {
    throw new Error("own fault");
  });
  app.onError((error, c) => c.text(error.message, 500));
  const none = await app.request("http://localhost/fails");
  expect([none.status, ((await none.json()) as { code: string }).code]).toEqual([503, "NO_RELEASE"]);
  await publish("holdings", "CREATE TABLE t AS SELECT 1 AS n");
  await expect.poll(async () => (await app.request("http://localhost/fails")).text()).toBe("own fault");
  expect(() => lendRelease(workspace, "nothing")).toThrow('no store "nothing"');
});
