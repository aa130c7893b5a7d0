import { readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { listening, RawStream, storesConfig } from "../support/listening.ts";

describe("what a stream has", () => {
  test("without a position: where it is, then what happens from now on, and nothing before", async () => {
    const { url, publish } = await listening();
    await publish(1);
    const stream = (await RawStream.open(`${url}/v1/events`, { "Accept-Encoding": "gzip, deflate, br" })).read();
    await publish(2);
    const [event] = await stream.events(1);
    expect(event).toMatchObject({ id: "2", event: "release.switched" });
    expect(JSON.parse(event?.["data"] ?? "")).toMatchObject({
      id: 2,
      type: "release.switched",
      store: "holdings",
      release: "r000002",
      version: 2,
      previous: { release: "r000001", version: 1 },
      reason: "publish",
    });
    expect(stream.blocks[0]).toEqual({ retry: "2000", id: "1" });
    expect([stream.status, stream.headers]).toMatchObject([
      200,
      { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
    ]);
    expect(stream.headers).not.toHaveProperty("content-encoding");
    expect(stream.headers).not.toHaveProperty("content-length");
  });

  test("after a position: the rest of the history, then what happens, each once; the header beats the parameter", async () => {
    const { url, publish } = await listening();
    for (const rows of [1, 2, 3]) await publish(rows);
    const streams = await Promise.all([
      RawStream.open(`${url}/v1/events?after=0`),
      RawStream.open(`${url}/v1/events?store=holdings&after=0`, { "Last-Event-ID": "2" }),
      RawStream.open(`${url}/v1/events?after=3`),
    ]);
    await publish(4);
    const ids = await Promise.all(
      streams.map(async (stream, index) => (await stream.read().events([4, 2, 1][index] ?? 0)).map(({ id }) => id)),
    );
    expect(ids).toEqual([["1", "2", "3", "4"], ["3", "4"], ["4"]]);
    expect(streams.map(({ blocks }) => blocks[0]?.["id"])).toEqual(["0", "2", "3"]);
  });

  test("a switch of another program, by an id that goes on after it", async () => {
    const { url, folder, publish } = await listening(
      storesConfig().replace("retention = { keep = 20 }", 'layout = "slots"\nbasename = "DB"'),
    );
    await publish(1);
    const stream = (await RawStream.open(`${url}/v1/events`)).read();
    await stream.until(() => stream.blocks.length > 0);
    const manifest = { active: "b", version: 7, lastUpdated: "2026-11-01T00:00:00Z" };
    writeFileSync(join(folder, "data/holdings/DB_b.duckdb"), readFileSync(join(folder, "data/holdings/DB_a.duckdb")));
    writeFileSync(join(folder, "data/holdings/db_manifest.json"), JSON.stringify(manifest));
    const [event] = await stream.events(1);
    expect(event?.["id"]).toMatch(/^1\+[0-9a-f]{12}$/);
    expect(JSON.parse(event?.["data"] ?? "")).toMatchObject({ reason: "foreign", version: 7 });
    const again = (await RawStream.open(`${url}/v1/events`, { "Last-Event-ID": event?.["id"] ?? "" })).read();
    const all = (await RawStream.open(`${url}/v1/events?after=0`)).read();
    expect((await all.events(2)).map(({ id }) => id)).toEqual(["1", event?.["id"]]);
    await again.until(() => again.blocks.length > 0);
    expect(again.blocks).toEqual([{ retry: "2000", id: event?.["id"] }]);
  });

  test("nothing of an error's words, which may hold paths", async () => {
    const { url, workspace } = await listening();
    const failing = workspace.publish("holdings", () => Promise.reject(new Error("no /secret/path here")));
    await expect(failing).rejects.toMatchObject({ code: "BUILD_FAILED" });
    const stream = (await RawStream.open(`${url}/v1/events?after=0`)).read();
    const [event] = await stream.events(1);
    expect(event).toMatchObject({ id: "1", event: "build.failed" });
    expect(event?.["data"]).not.toContain("secret");
    for await (const told of workspace.events({ store: "holdings" })) expect(told.detail).toContain("secret");
  });

  test("HEAD opens none", async () => {
    const { url, server } = await listening();
    const response = await fetch(`${url}/v1/events`, { method: "HEAD" });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    expect(server().context.events.load).toEqual({ connections: 0, followers: 0 });
  });
});

describe("what is refused", () => {
  test.each(["nonsense", "-1", "1.5", "1+xyz", "99", "99+0123456789ab", " "])("%j is no event: 400", async (id) => {
    const { url, publish, server } = await listening();
    await publish(1);
    const response = await fetch(`${url}/v1/events?after=${encodeURIComponent(id)}`);
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ code: "REQUEST_INVALID", hint: expect.stringContaining("last event") });
    expect(server().context.events.load).toEqual({ connections: 0, followers: 0 });
  });

  test("several stores and none named: 400 that names those that the token may see; others are not there", async () => {
    const sha256 = (token: string) => createHash("sha256").update(token).digest("hex");
    const token = (name: string, stores: string) =>
      `[[tokens]]\nname = "${name}"\nlevel = "read"\nsha256 = "${sha256(name.repeat(20))}"\n${stores}`;
    const tokens = `${token("all", "")}${token("two", 'stores = ["a", "b"]\n')}${token("one", 'stores = ["b"]\n')}`;
    const { url } = await listening(storesConfig(["a", "b", "c"], tokens));
    const ask = async (name: string, query: string) => {
      const response = await fetch(`${url}/v1/events${query}`, { headers: { Authorization: `Bearer ${name.repeat(20)}` } });
      if (response.status !== 200) return [response.status, await response.json()];
      await response.body?.cancel();
      return [200];
    };
    expect(await ask("all", "")).toMatchObject([400, { code: "REQUEST_INVALID", hint: "Name one of a, b, c." }]);
    expect(await ask("two", "")).toMatchObject([400, { code: "REQUEST_INVALID", hint: "Name one of a, b." }]);
    expect(await ask("two", "?store=c")).toMatchObject([404, { code: "STORE_UNKNOWN" }]);
    expect(await ask("all", "?store=d")).toMatchObject([404, { code: "STORE_UNKNOWN" }]);
    expect(await ask("nobody", "?store=a")).toMatchObject([401, { code: "TOKEN_REFUSED" }]);
    expect(await ask("one", "?store=a")).toMatchObject([404, { code: "STORE_UNKNOWN" }]);
    expect(await ask("one", "")).toEqual([200]);
    expect(await ask("all", "?store=c")).toEqual([200]);
  });

  test("one stream more than may be: 503, and a place is free again when a client goes", async () => {
    const { url, server } = await listening(storesConfig(["holdings"], "[serve.limits]\nevent_streams = 2\n"));
    const first = await RawStream.open(`${url}/v1/events`);
    await RawStream.open(`${url}/v1/events`);
    const { load } = server().context.events;
    expect(load).toEqual({ connections: 2, followers: 1 });
    const response = await fetch(`${url}/v1/events`);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await response.json()).toMatchObject({ code: "OVERLOADED", hint: expect.stringContaining("event_streams") });
    first.destroy();
    await expect.poll(() => server().context.events.load.connections).toBe(1);
    expect((await RawStream.open(`${url}/v1/events`)).status).toBe(200);
  });
});

test("two restarts, events before, between and after: every event once, in order", async () => {
  const { url, publish, restart, server } = await listening();
  const seen: string[] = [];
  let last: string | undefined;
  const connect = async () =>
    (await RawStream.open(`${url}/v1/events`, last === undefined ? {} : { "Last-Event-ID": last })).read();
  const note = (stream: RawStream) => {
    for (const { id, data } of stream.blocks) {
      last = id ?? last;
      if (data !== undefined) seen.push((JSON.parse(data) as { release: string }).release);
    }
  };
  let stream = await connect();
  for (let round = 0; round < 2; round += 1) {
    await publish(1);
    // The client is gone before it has seen everything, in the second round; in the first it has.
    if (round === 0) await stream.events(1);
    await restart(() => publish(2));
    await stream.end();
    note(stream);
    const [next] = await Promise.all([connect(), publish(3)]);
    stream = next;
  }
  await publish(4);
  await stream.until(() => stream.blocks.some(({ data }) => data?.includes('"r000007"') === true));
  note(stream);
  expect(seen).toEqual(["r000001", "r000002", "r000003", "r000004", "r000005", "r000006", "r000007"]);
  const { events } = server().context;
  await events.close();
  await stream.end();
  expect(events.load).toEqual({ connections: 0, followers: 0 });
  expect((await fetch(`${url}/v1/events`)).status).toBe(503);
});

test("a client that takes nothing is cut off, and loses nothing", async () => {
  const { url, publish, server } = await listening();
  await publish(1);
  const { events } = server().context;
  const stream = await RawStream.open(`${url}/v1/events`);
  const filling = "x".repeat(200_000);
  // What the kernel takes for a client that reads nothing differs: until it is cut off, more is told.
  while (events.load.connections > 0) {
    events.tell("holdings", { type: "store.stale", filling });
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.read();
  await stream.end();
  const { id: last = "" } = stream.blocks[0] ?? {};
  expect(last).toBe("1");
  await publish(2);
  const again = (await RawStream.open(`${url}/v1/events`, { "Last-Event-ID": last })).read();
  expect((await again.events(1)).map(({ id }) => id)).toEqual(["2"]);
});

test("OpenAPI has it", async () => {
  const { url } = await listening();
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as {
    paths: Record<string, { get: { parameters: { name: string }[]; responses: Record<string, { content: object }> } }>;
  };
  const operation = document.paths["/v1/events"]?.get;
  expect(Object.keys(operation?.responses["200"]?.content ?? {})).toEqual(["text/event-stream"]);
  expect(operation?.parameters.map(({ name }) => name)).toEqual(["store", "after", "Last-Event-ID"]);
});
