import { expect, test } from "vitest";
import { renderManifest } from "../../../src/model/manifest.ts";
import { manifestShapes } from "./shapes/manifests.ts";
import { slotShapes } from "./shapes/slots.ts";

/** As a store's first manifest is; the proofs use one that a publish wrote. */
const manifest = renderManifest({
  active: "b",
  version: 2,
  lastUpdated: "2026-11-21T03:00:00.000Z",
  store: "holdings",
  layout: "slots",
  basename: "DB",
  release: "r000002",
  commit: "0".repeat(32),
  record: { path: ".lockkeeper/records/r000002.json", sha256: "0".repeat(64) },
  previous: { active: "a", version: 1, release: "r000001" },
  reason: "publish",
});

test("there are at least 58 shapes of manifests, each with a name of its own and a case; one is cut off at each byte", () => {
  expect(new Set(manifestShapes.map(({ name }) => name)).size).toBe(manifestShapes.length);
  expect(manifestShapes.length).toBeGreaterThanOrEqual(58);
  for (const { name, cases } of manifestShapes) expect([name, cases(manifest).length > 0]).toEqual([name, true]);
  expect(manifestShapes.find(({ name }) => name.startsWith("cut off"))?.cases(manifest)).toHaveLength(manifest.length - 2);
});

test("there are at least 24 shapes of slot files, each with a name of its own", () => {
  expect(new Set(slotShapes.map(({ name }) => name)).size).toBe(slotShapes.length);
  expect(slotShapes.length).toBeGreaterThanOrEqual(24);
});
