import { createHash } from "node:crypto";
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { healthAnswer, probeAnswer } from "../../../src/model/http.ts";
import { bodyOf, nextEvent, serveWatched, storeConfig, timedBuild, type WatchedServer } from "../support/watched.ts";

/** `/health`, valid by its schema. */
async function health({ get }: WatchedServer, status: number, headers?: Record<string, string>) {
  const response = await get("/health", headers);
  expect(response.headers.get("Content-Type")).toBe("application/health+json");
  expect(response.headers.get("Cache-Control")).toBe("no-store");
  return healthAnswer.parse(await bodyOf(response, status));
}

test("ready means that every store is served; alive is always", async () => {
  const served = await serveWatched(storeConfig("holdings") + storeConfig("prices"));
  const ready = async (status: number) => probeAnswer.parse(await bodyOf(await served.get("/readyz"), status));
  expect(await ready(503)).toEqual({ status: "fail", stores: { configured: 2, serving: 0 } });
  await served.workspace.publish("holdings", timedBuild(1));
  await served.look();
  expect(await ready(503)).toEqual({ status: "fail", stores: { configured: 2, serving: 1 } });
  await served.workspace.publish("prices", timedBuild(1));
  served.clock.move(1_001);
  await served.look();
  expect(await ready(200)).toEqual({ status: "pass", stores: { configured: 2, serving: 2 } });
  served.server.beginDrain();
  expect(await ready(503)).toEqual({ status: "fail", stores: { configured: 2, serving: 2 }, draining: true });
  expect(await bodyOf(await served.get("/healthz"), 200)).toEqual({ status: "pass" });
});

test("health tells versions, ages, generations and load; before anything is opened it warns, and of what cannot be opened it fails", async () => {
  const served = await serveWatched(storeConfig("holdings") + storeConfig("prices"));
  await served.workspace.publish("holdings", timedBuild(1));
  const { checks: first, status } = await health(served, 200);
  expect([status, first["store:reader"]?.[0], first["alarms:watch"]]).toEqual([
    "warn",
    { componentId: "holdings", status: "warn", output: "not opened yet" },
    [{ status: "warn", output: "has not looked yet" }],
  ]);
  await served.look();
  served.clock.move(5_000);
  const { checks } = await health(served, 503);
  expect(checks["store:reader"]).toEqual([
    { componentId: "holdings", status: "pass", observedValue: { mode: "manifest", failures: 0 } },
    { componentId: "prices", status: "fail", observedValue: "NO_RELEASE", output: "no reader could be opened; nothing serves" },
  ]);
  expect(checks["store:versions"]).toEqual([
    {
      componentId: "holdings",
      status: "pass",
      observedValue: { release: "r000001", servingVersion: 1, publishedVersion: 1, same: true },
    },
  ]);
  expect(checks["store:age"]?.[0]).toMatchObject({ componentId: "holdings", status: "pass", observedUnit: "ms" });
  expect(checks["store:age"]?.[0]?.observedValue).toBeGreaterThan(4_999);
  expect(checks["store:generations"]?.[0]?.observedValue).toEqual([
    { id: 1, state: "active", release: "r000001", version: 1, inFlightRequests: 0 },
  ]);
  expect(checks["store:alarms"]).toEqual([
    { componentId: "holdings", status: "pass" },
    { componentId: "prices", status: "pass" },
  ]);
  expect(checks["alarms:watch"]?.[0]?.status).toBe("pass");
  expect(checks["gate:load"]?.map(({ componentId }) => componentId)).toEqual(["answers", "streams"]);
  expect(checks["cache:size"]?.[0]?.observedValue).toEqual({ entries: 0, bytes: 0, hits: 0, misses: 0, shared: 0 });
});

test("a server that answers 200 with old data is sick: 503, with the alarm and no path", async () => {
  const served = await serveWatched(storeConfig("holdings"));
  await served.workspace.publish("holdings", timedBuild(1));
  await served.lookTwice();
  expect((await health(served, 200)).status).toBe("pass");
  const degraded = nextEvent(served, "holdings", "degraded");
  truncateSync(join(served.folder, "holdings", "db_manifest.json"), 5);
  await degraded;
  await served.look();
  served.clock.move(61_000);
  await served.lookTwice();
  expect((await served.get("/v1/stores/holdings/tables/t/rows")).status).toBe(200);
  const sick = await health(served, 503);
  expect(sick.status).toBe("fail");
  expect(sick.checks["store:alarms"]).toMatchObject([{ componentId: "holdings", status: "fail", observedValue: "behind" }]);
  expect(sick.checks["store:reader"]?.[0]?.observedValue).toEqual({ mode: "manifest", failures: 0, code: "MANIFEST_INVALID" });
  expect(JSON.stringify(sick)).not.toContain(served.folder);
  // It still serves, so that who sends requests here may go on.
  expect((await served.get("/readyz")).status).toBe(200);
});

test("a watch that stands still is told: its silence is no health", async () => {
  const served = await serveWatched(storeConfig("holdings"));
  await served.workspace.publish("holdings", timedBuild(1));
  await served.lookTwice();
  served.clock.move(31_000);
  const { status, checks } = await health(served, 503);
  expect([status, checks["alarms:watch"]?.[0]?.output]).toEqual(["fail", "the watch stands still: alarms are not raised"]);
  await served.look();
  expect((await health(served, 200)).status).toBe("pass");
});

test("a token sees the health of its own stores only; probes need none", async () => {
  const token = "a-token-of-prices-only";
  const sha256 = createHash("sha256").update(token).digest("hex");
  const served = await serveWatched(
    `[[tokens]]\nname = "prices"\nsha256 = "${sha256}"\nlevel = "read"\nstores = ["prices"]\n${storeConfig("holdings")}${storeConfig("prices")}`,
  );
  await served.workspace.publish("prices", timedBuild(1));
  await served.look();
  expect((await served.get("/health")).status).toBe(401);
  expect((await served.get("/healthz")).status).toBe(200);
  expect((await served.get("/readyz")).status).toBe(503);
  const told = await health(served, 200, { Authorization: `Bearer ${token}` });
  expect(told.status).toBe("pass");
  expect(JSON.stringify(told)).not.toContain("holdings");
});
