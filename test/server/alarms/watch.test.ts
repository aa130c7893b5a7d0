import { chmodSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openWorkspace } from "../../../src/index.ts";
import { manifestOf, writeDatabase } from "../../support/store.ts";
import { nextEvent, serveWatched, storeConfig, timedBuild, type WatchedServer } from "../support/watched.ts";

const hourMs = 3_600_000;

/** What was logged about alarms. */
const logged = ({ log }: WatchedServer) =>
  log.filter(({ message }) => message.startsWith("alarm")).map(({ level, message, fields }) => [level, message, fields["alarm"]]);

/** Publishes a release whose file is cut off before the reader looks, and asks until openings of it have failed so often. */
async function publishDamaged(served: WatchedServer, failures: number): Promise<void> {
  const reader = await served.server.context.stores.reader("holdings");
  const { release = "" } = await served.workspace.publish("holdings", timedBuild(3));
  const path = join(served.folder, "holdings", "releases", release, "holdings.duckdb");
  chmodSync(path, 0o644);
  truncateSync(path, 5_000);
  while (reader.status().failures < failures) await reader.query("SELECT 1");
}

test("a release that cannot be opened: failing, then behind; 200s go on, and a good publish clears both", async () => {
  const served = await serveWatched(storeConfig("holdings", 'reader = { poll = "1h" }') + storeConfig("other"));
  await served.workspace.publish("holdings", timedBuild(2));
  await served.workspace.publish("other", timedBuild(2));
  await served.lookTwice();
  expect(served.raised()).toEqual([]);
  await publishDamaged(served, 3);
  await served.lookTwice();
  expect(served.raised()).toEqual(["failing fail"]);
  served.clock.move(61_000);
  await served.lookTwice();
  expect(served.raised()).toEqual(["behind fail", "failing fail"]);
  const answer = await served.get("/v1/stores/holdings/tables/t/rows");
  expect([answer.status, answer.headers.get("Data-Version")]).toEqual([200, "1"]);
  const alarms = served.server.context.alarms.raised("holdings");
  expect(alarms.map(({ detail }) => detail)).toEqual([
    expect.stringMatching(/^version 1 serves and version 2 is published, for 1 min .* \(CHECKSUM_MISMATCH\)$/),
    expect.stringMatching(/^\d+ openings of what is published failed in a row, the last with \w+; version 1 serves on$/),
  ]);
  expect(JSON.stringify([served.told, alarms])).not.toContain(served.folder);
  expect(served.raised("other")).toEqual([]);
  await served.workspace.publish("holdings", timedBuild(4));
  expect((await served.get("/v1/stores/holdings/tables/t/rows")).headers.get("Data-Version")).toBe("3");
  await served.lookTwice();
  expect(served.raised()).toEqual([]);
  expect(served.told.map(({ store, type, alarm, level }) => [store, type, alarm, level])).toEqual([
    ["holdings", "store.stale", "failing", "fail"],
    ["holdings", "store.stale", "behind", "fail"],
    ["holdings", "store.recovered", "behind", "fail"],
    ["holdings", "store.recovered", "failing", "fail"],
  ]);
});

test("a reader that catches up clears its alarms, with one look between", async () => {
  const served = await serveWatched(storeConfig("holdings"));
  await served.workspace.publish("holdings", timedBuild(3));
  await served.lookTwice();
  const reader = await served.server.context.stores.reader("holdings");
  const manifest = join(served.folder, "holdings", "db_manifest.json");
  const good = JSON.stringify(manifestOf(join(served.folder, "holdings")));
  truncateSync(manifest, 5);
  const degraded = nextEvent(served, "holdings", "degraded");
  await reader.query("SELECT 1");
  await degraded;
  await served.look();
  served.clock.move(59_000);
  await served.lookTwice();
  expect(served.raised()).toEqual([]);
  served.clock.move(2_000);
  await served.look();
  expect(served.raised()).toEqual([]);
  await served.look();
  expect(served.raised()).toEqual(["behind fail"]);
  expect(served.server.context.alarms.raised("holdings")[0]?.detail).toMatch(
    /^version 1 serves and there is no usable manifest, for .* \(MANIFEST_INVALID\)$/,
  );
  writeFileSync(manifest, good);
  const recovered = nextEvent(served, "holdings", "recovered");
  await reader.query("SELECT 1");
  await recovered;
  await served.look();
  expect(served.raised()).toEqual(["behind fail"]);
  await served.look();
  expect(served.raised()).toEqual([]);
  expect(logged(served)).toEqual([
    ["warn", "alarm raised", "behind"],
    ["info", "alarm cleared", "behind"],
  ]);
  expect(served.told.map(({ type }) => type)).toEqual(["store.stale", "store.recovered"]);
});

test("a store whose reader cannot be opened at all: failing, until its first release", async () => {
  const served = await serveWatched(storeConfig("holdings"));
  for (const _ of [1, 2, 3, 4, 5]) {
    await served.look();
    served.clock.move(1_001);
  }
  expect(served.raised()).toEqual(["failing fail"]);
  expect(served.server.context.alarms.raised("holdings")[0]?.detail).toBe(
    "nothing serves: 4 openings in a row failed, the last with NO_RELEASE",
  );
  await served.workspace.publish("holdings", timedBuild(3));
  served.clock.move(1_001);
  await served.lookTwice();
  await served.look();
  expect(served.raised()).toEqual([]);
});

test("a borrow that does not end: draining, after its limit and not before", async () => {
  const served = await serveWatched(storeConfig("holdings", 'reader = { drain_timeout = "1h" }'));
  await served.workspace.publish("holdings", timedBuild(3));
  await served.look();
  const reader = await served.server.context.stores.reader("holdings");
  let letGo = (): void => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const borrowed = reader.borrow(() => held);
  const switched = nextEvent(served, "holdings", "switch");
  await served.workspace.publish("holdings", timedBuild(4));
  await reader.query("SELECT 1");
  await switched;
  await served.lookTwice();
  served.clock.move(110_000);
  await served.lookTwice();
  expect(served.raised()).toEqual([]);
  served.clock.move(20_000);
  await served.lookTwice();
  expect(served.raised()).toEqual(["draining warn"]);
  const [alarm] = served.server.context.alarms.raised("holdings");
  expect(alarm?.detail).toMatch(/^release r000001 has been draining for 2 min .* s; requests and queries that hold it: 1$/);
  expect(alarm?.since).toBe(reader.status().generations.find(({ state }) => state === "draining")?.drainingSince);
  letGo();
  await borrowed;
  while (reader.status().generations.length > 1) await reader.query("SELECT 1");
  await served.lookTwice();
  expect(served.raised()).toEqual([]);
});

/** Publishes as somebody whose configuration has no checks. */
async function publishUnchecked(served: WatchedServer, build: ReturnType<typeof timedBuild>): Promise<void> {
  const config = join(served.folder, "unchecked.toml");
  writeFileSync(config, `format = 1\n${storeConfig("holdings")}`);
  const publisher = await openWorkspace({ config });
  await publisher.publish("holdings", build);
  await publisher.close();
}

const fresh = 'checks = [{ check = "fresh", table = "T", column = "AT", warn_after = "26h", error_after = "50h" }]';
const hoursAgo = (hours: number) => new Date(Date.now() - hours * hourMs).toISOString();

test("data becomes late while it is served: warn, then fail, by the clock alone; a fresh publish clears it", async () => {
  const served = await serveWatched(storeConfig("holdings", fresh));
  await served.workspace.publish("holdings", timedBuild(3, hoursAgo(1)));
  await served.lookTwice();
  await served.lookTwice();
  expect(served.raised()).toEqual([]);
  served.clock.move(26 * hourMs);
  await served.lookTwice();
  expect(served.raised()).toEqual(["late warn"]);
  served.clock.move(24 * hourMs);
  await served.lookTwice();
  expect(served.raised()).toEqual(["late fail"]);
  const [alarm] = served.server.context.alarms.raised("holdings");
  expect(alarm?.detail).toMatch(/^T\.AT: newest is .*Z, 51 h 00 min old; warn after 26h, error after 50h$/);
  const switched = nextEvent(served, "holdings", "switch");
  // By the machine's own clock it is of the future, and its check would refuse it.
  await publishUnchecked(served, timedBuild(3, new Date(served.clock.now().getTime() - hourMs).toISOString()));
  await (await served.server.context.stores.reader("holdings")).query("SELECT 1");
  await switched;
  await served.look();
  // Not read yet: what was known of the release before still counts.
  expect(served.raised()).toEqual(["late fail"]);
  await served.lookTwice();
  expect(served.raised()).toEqual([]);
  expect(served.told.map(({ type, level }) => [type, level])).toEqual([
    ["store.stale", "warn"],
    ["store.stale", "fail"],
    ["store.recovered", "fail"],
  ]);
});

test.each([
  {
    column: "no rows",
    statement: 'CREATE TABLE t ("at" TIMESTAMP)',
    level: "fail",
    detail: /T\.AT has no value, so its age is unknown/,
  },
  { column: "only NULL", statement: "CREATE TABLE t AS SELECT 1 AS n, NULL::DATE AS at", level: "fail", detail: /no value/ },
  {
    column: "the future",
    statement: "CREATE TABLE t AS SELECT now()::TIMESTAMP + INTERVAL 3 DAY AS at",
    level: "fail",
    detail: /1 row in the future/,
  },
  {
    column: "no such column",
    statement: "CREATE TABLE t AS SELECT 1 AS n",
    level: "fail",
    detail: /T\.AT is not in the release that serves/,
  },
  {
    column: "another type",
    statement: "CREATE TABLE t AS SELECT 1 AS at",
    level: "fail",
    detail: /T\.AT is INTEGER, which has no age/,
  },
  {
    column: "a view that fails",
    statement: "CREATE VIEW t AS SELECT error('x' || '/srv/data')::DATE AS at",
    level: "fail",
    detail: /^T\.AT cannot be read \(QUERY_FAILED\), so its age is unknown$/,
  },
  {
    column: "young, and the future",
    statement: "CREATE TABLE t AS SELECT unnest([now()::TIMESTAMP, '290000-01-01'::TIMESTAMP]) AS at",
    level: "warn",
    detail: /old; 1 row in the future/,
  },
])("$column: judged as the check judges it, in a release that was published without it", async ({ statement, level, detail }) => {
  const served = await serveWatched(storeConfig("holdings", fresh));
  await publishUnchecked(served, ({ path }) => writeDatabase(path, "SET TimeZone = 'UTC'", statement));
  await served.lookTwice();
  await served.lookTwice();
  expect(served.raised()).toEqual([`late ${level}`]);
  expect(served.server.context.alarms.raised("holdings")[0]?.detail).toMatch(detail);
});

test("the watch ends with the server", async () => {
  const served = await serveWatched(storeConfig("holdings"));
  expect(served.clock.repeated).toBe(1);
  await served.server.close();
  expect(served.clock.repeated).toBe(0);
});
