import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Histogram } from "../../../src/server/metrics/histogram.ts";
import { Samples } from "../../../src/server/metrics/samples.ts";
import { parseExposition } from "../support/exposition.ts";
import { nextEvent, serveWatched, storeConfig, timedBuild, type WatchedServer } from "../support/watched.ts";

/** What `/metrics` tells: a value by metric and labels. */
async function scrape({ get }: WatchedServer, headers?: Record<string, string>) {
  const response = await get("/metrics", headers);
  expect([response.status, response.headers.get("Content-Type")]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
  const metrics = parseExposition(await response.text());
  return {
    metrics,
    value: (name: string, labels = "") => metrics.get(`lockkeeper_${name}`)?.samples.get(labels),
  };
}

const rows = "/v1/stores/holdings/tables/t/rows";

test("requests by the pattern of their route, never by what they asked for; answers by how they came about", async () => {
  const served = await serveWatched(storeConfig("holdings"));
  await served.workspace.publish("holdings", timedBuild(3));
  const first = await served.get(rows);
  await served.get(rows);
  await served.get(rows, { "If-None-Match": first.headers.get("ETag") ?? "" });
  await served.get("/v1/stores/holdings/tables/none/rows");
  await served.get("/wp-admin/1");
  await served.get("/wp-admin/2");
  await served.server.app.request("http://127.0.0.1:4600/v1/stores", { method: "PROPFIND", headers: { Host: "127.0.0.1" } });
  const { value, metrics } = await scrape(served);
  const route = 'route="/v1/stores/{store}/tables/{table}/rows",method="GET"';
  expect(value("http_requests_total", `{${route},status="200"}`)).toBe(2);
  expect(value("http_requests_total", `{${route},status="304"}`)).toBe(1);
  expect(value("http_requests_total", `{${route},status="404"}`)).toBe(1);
  expect(value("http_requests_total", '{route="unknown",method="GET",status="404"}')).toBe(2);
  expect(value("http_requests_total", '{route="/v1/stores",method="other",status="405"}')).toBe(1);
  expect(value("http_request_duration_seconds", `_count{${route}}`)).toBe(4);
  expect(value("http_request_duration_seconds", `_bucket{${route},le="+Inf"}`)).toBe(4);
  // The one that asks.
  expect(value("http_requests_in_flight")).toBe(1);
  expect([value("answers_total", '{kind="hit"}'), value("answers_total", '{kind="not_modified"}')]).toEqual([1, 1]);
  expect(value("answers_total", '{kind="miss"}')).toBe(2);
  expect(value("cache_entries")).toBe(1);
  expect(value("cache_bytes")).toBeGreaterThan(512);
  expect(value("gate_running", '{gate="answers"}')).toBe(0);
  expect(metrics.get("process_cpu_seconds_total")?.type).toBe("counter");
  const raw = [...metrics.values()].flatMap(({ samples }) => [...samples.keys()]);
  expect(raw.filter((labels) => /wp-admin|none|holdings\//.test(labels))).toEqual([]);
});

test("stores: versions, generations, switches with their time, alarms", async () => {
  const served = await serveWatched(storeConfig("holdings") + storeConfig("prices"));
  await served.workspace.publish("holdings", timedBuild(3));
  await served.look();
  const switched = nextEvent(served, "holdings", "switch");
  await served.workspace.publish("holdings", timedBuild(4));
  await served.get(rows);
  await switched;
  for (const _ of [1, 2, 3, 4, 5]) {
    served.clock.move(1_001);
    await served.look();
  }
  const { value } = await scrape(served);
  const holdings = '{store="holdings"}';
  expect([value("serving_version", holdings), value("published_version", holdings)]).toEqual([2, 2]);
  expect(value("release_age_seconds", holdings)).toBeGreaterThan(5);
  expect(value("generations", '{store="holdings",state="active"}')).toBe(1);
  expect([value("switches_total", holdings), value("switch_seconds", `_count${holdings}`)]).toEqual([1, 1]);
  expect(value("switch_seconds", `_sum${holdings}`)).toBeGreaterThanOrEqual(0);
  expect([value("degraded", holdings), value("alarm", '{store="holdings",alarm="failing"}')]).toEqual([0, 0]);
  expect(value("serving_version", '{store="prices"}')).toBeUndefined();
  expect([value("degraded", '{store="prices"}'), value("alarm", '{store="prices",alarm="failing"}')]).toEqual([1, 1]);
});

test("history: publishes by outcome, rollbacks, the last publish and its failed checks, each read once", async () => {
  const checks = `checks = [{ check = "rows", table = "t", min = 2 }, { check = "rows", table = "t", max = 3, severity = "warn" }]`;
  const served = await serveWatched(storeConfig("holdings", checks));
  const outcomes = async () => {
    const { value } = await scrape(served);
    return {
      publishes: ["switched", "refused", "failed"].map((each) =>
        value("publishes_total", `{store="holdings",outcome="${each}"}`),
      ),
      rollbacks: value("rollbacks_total", '{store="holdings"}'),
      last: value("last_publish_timestamp_seconds", '{store="holdings"}'),
      error: value("check_failures", '{store="holdings",check="rows",severity="error"}'),
      warn: value("check_failures", '{store="holdings",check="rows",severity="warn"}'),
    };
  };
  expect(await outcomes()).toEqual({ publishes: [0, 0, 0], rollbacks: 0, last: undefined, error: undefined, warn: undefined });
  const startedS = Date.now() / 1_000;
  await served.workspace.publish("holdings", timedBuild(4));
  const first = await outcomes();
  expect(first).toMatchObject({ publishes: [1, 0, 0], error: 0, warn: 1 });
  expect(first.last).toBeGreaterThan(startedS - 1);
  expect((await served.workspace.publish("holdings", timedBuild(1))).outcome).toBe("refused");
  expect(await outcomes()).toEqual({ ...first, publishes: [1, 1, 0], error: 1, warn: 0 });
  await expect(served.workspace.publish("holdings", () => Promise.reject(new Error("no")))).rejects.toMatchObject({
    code: "BUILD_FAILED",
  });
  expect(await outcomes()).toEqual({ ...first, publishes: [1, 1, 1], error: undefined, warn: undefined });
  await served.workspace.publish("holdings", timedBuild(3));
  await served.workspace.rollback("holdings", { reason: "test" });
  const [one, two] = await Promise.all([outcomes(), outcomes()]);
  expect(one).toMatchObject({ publishes: [2, 1, 1], rollbacks: 1, error: 0, warn: 0 });
  expect(two).toEqual(one);
});

test("a history of 5,000 lines is read once; a scrape after it costs a look at its size", async () => {
  const served = await serveWatched(storeConfig("holdings"));
  await served.workspace.publish("holdings", timedBuild(3));
  const history = join(served.folder, "holdings", ".lockkeeper", "history.jsonl");
  const line = (id: number) => ({
    id,
    store: "holdings",
    time: "2026-11-21T03:00:00.000Z",
    type: "build.failed",
    build: "0a",
    detail: "no",
  });
  const lines = Array.from({ length: 5_000 }, (_, index) => `${JSON.stringify(line(index + 1))}\n`);
  writeFileSync(history, lines.join(""));
  const failed = async () => (await scrape(served)).value("publishes_total", '{store="holdings",outcome="failed"}');
  expect(await failed()).toBe(5_000);
  let read = 0;
  const { context } = served.server;
  const { eventFeed } = context.workspace;
  context.workspace.eventFeed = (...args) => (read++, eventFeed.apply(context.workspace, args));
  writeFileSync(history, `${JSON.stringify(line(5_001))}\n`, { flag: "a" });
  expect(await failed()).toBe(5_001);
  expect(await failed()).toBe(5_001);
  // The feed that was opened first goes on where it stopped.
  expect(read).toBe(0);
});

test("a history that cannot be counted as a whole is told once, and what could be is", async () => {
  const served = await serveWatched(storeConfig("holdings"));
  await served.workspace.publish("holdings", timedBuild(3));
  const history = join(served.folder, "holdings", ".lockkeeper", "history.jsonl");
  writeFileSync(history, '{"id":2,"type":"from.the.future"}\n', { flag: "a" });
  for (const _ of [1, 2]) {
    const { value } = await scrape(served);
    expect(value("publishes_total", '{store="holdings",outcome="switched"}')).toBe(1);
  }
  expect(served.log.filter(({ message }) => message.startsWith("the history"))).toHaveLength(1);
});

test("two servers of a process do not mix; a token sees the figures of its own stores", async () => {
  const token = "a-token-of-prices-only";
  const sha256 = createHash("sha256").update(token).digest("hex");
  const one = await serveWatched(storeConfig("holdings"));
  const two = await serveWatched(
    `[[tokens]]\nname = "prices"\nsha256 = "${sha256}"\nlevel = "read"\nstores = ["prices"]\n${storeConfig("holdings")}${storeConfig("prices")}`,
  );
  await one.get("/healthz");
  expect((await scrape(one)).value("http_requests_total", '{route="/healthz",method="GET",status="200"}')).toBe(1);
  const { value, metrics } = await scrape(two, { Authorization: `Bearer ${token}` });
  expect(value("http_requests_total", '{route="/healthz",method="GET",status="200"}')).toBeUndefined();
  expect(metrics.get("process_cpu_seconds_total")?.samples.size).toBe(1);
  const labels = [...metrics.values()].flatMap(({ samples }) => [...samples.keys()]);
  expect(labels.filter((each) => each.includes('store="holdings"'))).toEqual([]);
  expect(labels.filter((each) => each.includes('store="prices"')).length).toBeGreaterThan(0);
  expect((await two.get("/metrics")).status).toBe(401);
});

test("bounds of a histogram hold what is equal to them; labels are escaped", () => {
  const histogram = new Histogram([1, 10]);
  for (const value of [1, 1.5, 10, 11]) histogram.observe(value);
  expect(histogram.cumulated()).toEqual([
    { bound: 1, count: 1 },
    { bound: 10, count: 3 },
  ]);
  expect([histogram.sum, histogram.count]).toEqual([23.5, 4]);
  const samples = new Samples();
  samples.add("lockkeeper_alarm", { store: 'a"\\\n' }, 1);
  expect(samples.render()).toContain('lockkeeper_alarm{store="a\\"\\\\\\n"} 1\n');
});
