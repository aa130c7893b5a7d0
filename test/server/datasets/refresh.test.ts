import { createHash } from "node:crypto";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { testServer, type TestServer } from "../support/server.ts";

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const tokens = ["read", "publish"]
  .map((level) => `[[tokens]]\nname = "${level}"\nsha256 = "${hash(level)}"\nlevel = "${level}"\n`)
  .join("");

/** A build that says something, waits while a file `wait` lies in the folder of the configuration, and then makes a table, or fails where a file `fail` does. */
const script = `
import { existsSync } from "node:fs";
import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
console.log("begun");
while (existsSync("wait")) await new Promise((resolve) => setTimeout(resolve, 20));
if (existsSync("fail")) { console.error("no rows today"); process.exit(3); }
const instance = await DuckDBInstance.create(process.env.DUCKDB_PATH);
const connection = await instance.connect();
await connection.run("CREATE TABLE t AS SELECT 1 AS n");
connection.closeSync();
instance.closeSync();
`;

const config = (more = "") =>
  `format = 1\n${tokens}[stores.marts]\nkind = "release"\ndir = "data"\n${more}[stores.marts.build]\ncommand = [${JSON.stringify(process.execPath)}, "etl.mjs"]\n`;

async function refreshing(
  more?: string,
): Promise<TestServer & { send(method: string, path: string, token?: string): ReturnType<TestServer["json"]> }> {
  const server = await testServer(config(more), { files: { "etl.mjs": script } });
  const send = (method: string, path: string, token = "publish") =>
    server.json(path, { method, headers: { Authorization: `Bearer ${token}` } });
  return { ...server, send };
}

const start = "/api/analytics/refresh";

test("a refresh is a job with an address: it publishes the configured build, and tells how it gets on", async () => {
  const { send, folder, json } = await refreshing();
  writeFileSync(join(folder, "wait"), "");
  const { status, headers, body } = await send("POST", start);
  const address = headers.get("Location") ?? "";
  expect([status, address, body["status"], body["store"]]).toEqual([202, `${start}/${String(body["job"])}`, "running", "marts"]);
  await expect.poll(async () => (await send("GET", address)).body["log"]).toContain("begun");
  const second = await send("POST", start);
  expect([second.status, second.body["code"], second.headers.get("Location")]).toEqual([409, "JOB_RUNNING", address]);
  rmSync(join(folder, "wait"));
  await expect.poll(async () => (await send("GET", address)).body["status"], { timeout: 30_000 }).toBe("succeeded");
  const { body: over } = await send("GET", address);
  expect(over).toMatchObject({ release: "r000001", version: 1, error: null, phase: "done" });
  expect(Date.parse(String(over["finished_at"]))).toBeGreaterThanOrEqual(Date.parse(String(over["started_at"])));
  expect((await json("/v1/stores/marts", { headers: { Authorization: "Bearer read" } })).body["version"]).toBe(1);
  expect((await send("POST", start)).status).toBe(202);
});

test("a job that is cancelled switches nothing; one that is over stays as it is", async () => {
  const { send, folder, workspace } = await refreshing();
  writeFileSync(join(folder, "wait"), "");
  const { body } = await send("POST", start);
  const address = `${start}/${String(body["job"])}`;
  await expect.poll(async () => (await send("GET", address)).body["log"]).toContain("begun");
  const cancelled = await send("POST", `${address}/cancel`);
  expect([cancelled.status, cancelled.body["status"], cancelled.body["release"]]).toEqual([200, "cancelled", null]);
  expect((await workspace.status())[0]?.release).toBeUndefined();
  expect((await send("POST", `${address}/cancel`)).body["status"]).toBe("cancelled");
});

test("a build that fails, and one that a check refuses, say why", async () => {
  const failing = await refreshing();
  writeFileSync(join(failing.folder, "fail"), "");
  const failed = (await failing.send("POST", start)).headers.get("Location") ?? "";
  await expect.poll(async () => (await failing.send("GET", failed)).body["status"], { timeout: 30_000 }).toBe("failed");
  expect((await failing.send("GET", failed)).body).toMatchObject({
    error: { code: "BUILD_FAILED" },
    log: expect.stringContaining("no rows today"),
  });
  const refusing = await refreshing('checks = [{ check = "rows", table = "t", min = 2 }]\n');
  const refused = (await refusing.send("POST", start)).headers.get("Location") ?? "";
  await expect.poll(async () => (await refusing.send("GET", refused)).body["status"], { timeout: 30_000 }).toBe("refused");
  expect((await refusing.send("GET", refused)).body).toMatchObject({
    release: null,
    log: expect.stringContaining("refused: t has 1 row"),
  });
});

test("a refresh needs a token that may publish, and a build that the configuration names; jobs are of this server alone", async () => {
  const { send, json, folder } = await refreshing();
  for (const [method, path] of [
    ["POST", start],
    ["GET", `${start}/0123456789ab`],
    ["POST", `${start}/0123456789ab/cancel`],
  ] as const) {
    expect((await send(method, path, "read")).status).toBe(403);
    expect((await json(path, { method })).status).toBe(401);
  }
  const unknown = await send("GET", `${start}/0123456789ab`);
  expect([unknown.status, unknown.body["code"]]).toEqual([404, "JOB_UNKNOWN"]);
  expect(existsSync(join(folder, "data/db_manifest.json"))).toBe(false);
  const bare = await testServer(`format = 1\n${tokens}[stores.marts]\nkind = "release"\ndir = "data"\n`);
  const missing = await bare.json(start, { method: "POST", headers: { Authorization: "Bearer publish" } });
  expect([missing.status, missing.body["code"]]).toEqual([409, "BUILD_MISSING"]);
});
