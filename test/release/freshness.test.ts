import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { storeFreshnessSchema } from "../../src/model/results.ts";
import { clockToleranceMs, storeFreshness } from "../../src/release/freshness.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import type { BuildSource, ReleaseStore } from "../../src/release/store.ts";
import { manifestOf, rowsBuild, storeIn, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const hourMs = 3_600_000;

/** The store as it is seen when the clock shows `now`. */
function at(store: ReleaseStore, now: number): ReleaseStore {
  const { clock } = store.platform;
  return { ...store, platform: { ...store.platform, clock: { ...clock, now: () => new Date(now) } } };
}

async function freshnessAt(store: ReleaseStore, now: number, maxAgeMs?: number) {
  return storeFreshnessSchema.parse(await storeFreshness(at(store, now), { maxAgeMs }));
}

test("the age of the active release, and late from one millisecond over what was asked for", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const lastUpdated = String(manifestOf(folder)["lastUpdated"]);
  const switched = Date.parse(lastUpdated);
  const release = { store: "holdings", release: "r000001", version: 1, lastUpdated };
  expect(await freshnessAt(store, switched + 5)).toEqual({ ...release, status: "pass", ageMs: 5, detail: [] });
  const asked = { ...release, maxAgeMs: 26 * hourMs };
  expect(await freshnessAt(store, switched + 26 * hourMs, 26 * hourMs)).toEqual({
    ...asked,
    status: "pass",
    ageMs: 26 * hourMs,
    detail: [],
  });
  expect(await freshnessAt(store, switched + 26 * hourMs + 1, 26 * hourMs)).toEqual({
    ...asked,
    status: "fail",
    ageMs: 26 * hourMs + 1,
    detail: ["late: 26 h 00 min old, more than 26h"],
  });
  expect(await freshnessAt(store, switched + 1, 0)).toMatchObject({ status: "fail" });
  expect(await freshnessAt(store, switched + 400 * 24 * hourMs)).toMatchObject({ status: "pass" });
});

test("a time in the future is a wrong clock, which no age may hide", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const switched = Date.parse(String(manifestOf(folder)["lastUpdated"]));
  expect(await freshnessAt(store, switched - clockToleranceMs, hourMs)).toMatchObject({
    status: "pass",
    ageMs: -clockToleranceMs,
  });
  for (const maxAgeMs of [undefined, hourMs]) {
    expect(await freshnessAt(store, switched - clockToleranceMs - 1, maxAgeMs)).toMatchObject({
      status: "fail",
      ageMs: -clockToleranceMs - 1,
      detail: [expect.stringMatching(/^lastUpdated lies .* in the future: a clock is wrong/)],
    });
  }
});

test("a store without a release, or with a manifest that cannot be used, fails and says why; looking makes nothing", async () => {
  const folder = join(temporaryFolder(), "store");
  const store = storeIn(folder);
  const none = {
    store: "holdings",
    status: "fail",
    maxAgeMs: hourMs,
    detail: [`no release: ${store.paths.manifest} does not exist`],
  };
  expect(await freshnessAt(store, 0, hourMs)).toEqual(none);
  mkdirSync(folder);
  expect(await freshnessAt(store, 0, hourMs)).toEqual(none);
  writeFileSync(store.paths.manifest, '{"active": "c", "version": 1}');
  expect(await freshnessAt(store, 0)).toEqual({
    store: "holdings",
    status: "fail",
    detail: [expect.stringContaining('"active" is "c"')],
  });
  rmSync(store.paths.manifest);
  mkdirSync(store.paths.manifest);
  expect(await freshnessAt(store, 0)).toMatchObject({ status: "fail", detail: [expect.stringContaining("not a regular file")] });
});

test.each([
  ["no time", {}],
  ["no time that anybody can read", { lastUpdated: "yesterday" }],
])("another program's manifest with %s is as old as its file, and says so", async (_what, fields) => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  writeFileSync(store.paths.manifest, JSON.stringify({ active: "a", version: 7, ...fields }));
  const written = Date.parse("2026-11-20T03:00:00Z");
  utimesSync(store.paths.manifest, written / 1000, written / 1000);
  const told = { release: "v7-a", version: 7, lastUpdated: "2026-11-20T03:00:00.000Z", ageMs: hourMs };
  const detail = ["the manifest does not say when it was written; its file changed at 2026-11-20T03:00:00.000Z"];
  expect(await freshnessAt(store, written + hourMs)).toMatchObject({ ...told, status: "warn", detail });
  expect(await freshnessAt(store, written + hourMs, hourMs - 1)).toMatchObject({
    ...told,
    status: "fail",
    detail: [expect.stringContaining("late"), ...detail],
  });
});

test("a time with an offset is told in UTC", async () => {
  const store = storeIn(temporaryFolder());
  writeFileSync(store.paths.manifest, '{"active": "a", "version": 7, "lastUpdated": "2026-11-20T05:00:00+02:00"}');
  expect(await freshnessAt(store, Date.parse("2026-11-20T03:00:01Z"))).toMatchObject({
    status: "pass",
    lastUpdated: "2026-11-20T03:00:00.000Z",
    ageMs: 1000,
  });
});

/** A build with rows that says how far its data reaches. */
function reaching(...watermarks: { readonly name?: string; readonly value: string }[]): BuildSource {
  return {
    kind: "function",
    async build({ path, message }) {
      await writeDatabase(path, "CREATE TABLE t AS SELECT 1 AS n");
      for (const watermark of watermarks) message({ type: "watermark", ...watermark });
    },
  };
}

test("how far the data reaches is that of the active release, after a rollback the older one's", async () => {
  const store = storeIn(temporaryFolder());
  const told = async () => (await freshnessAt(store, Date.now())).lastDataLoadDate;
  await publish(store, reaching({ value: "2025-11-19" }));
  await publish(
    store,
    reaching({ name: "filings", value: "2025-11-20T05:00:00+02:00" }, { name: "prices", value: "2025-11-18" }),
  );
  expect(await told()).toBe("2025-11-20T03:00:00.000Z");
  await rollback(store);
  expect(await told()).toBe("2025-11-19");
  await publish(store, rowsBuild(1));
  expect(await freshnessAt(store, Date.now())).not.toHaveProperty("lastDataLoadDate");
});

test("a watermark from after the release does not count, and a record that is gone is told; neither hides the age", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, reaching({ name: "typo", value: "9999-01-01" }, { name: "good", value: "2025-11-18" }));
  const told = await freshnessAt(store, Date.now(), hourMs);
  expect(told).toMatchObject({ status: "warn", lastDataLoadDate: "2025-11-18", maxAgeMs: hourMs });
  expect(told.detail).toEqual(["watermark typo is 9999-01-01, after the release itself, and does not count"]);
  rmSync(join(folder, ".lockkeeper/records/r000001.json"));
  expect(await freshnessAt(store, Date.now(), hourMs)).toMatchObject({
    status: "warn",
    release: "r000001",
    detail: [expect.stringMatching(/^lastDataLoadDate is not known: .*r000001\.json is missing$/)],
  });
});
