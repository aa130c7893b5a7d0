import { describe, expect, test } from "vitest";
import { until } from "../../reader/support/real-reader.ts";
import type { ManifestCase, ManifestShape } from "./shapes/manifest-shape.ts";
import { manifestShapes } from "./shapes/manifests.ts";
import { manifestLedger } from "./support/manifest-rows.ts";
import { degradedBy, recovered, servingReader, type ServingReader } from "./support/serving.ts";
import { good, templateStore } from "./support/template.ts";

const template = templateStore();
const servesOn =
  "the last good release serves on, no request fails, `degraded` names file and fault; a good manifest recovers it";
const { passed } = manifestLedger("2-serving", "a serving reader", {
  text: servesOn,
  field: servesOn,
  names: servesOn,
  legal: "served, no request fails",
});

/** The reader's answer to one thing in the manifest's place. */
async function answers(serving: ServingReader, { verdict }: ManifestShape, { label }: ManifestCase): Promise<void> {
  if (verdict.kind === "served") {
    const { release, version, rows } = verdict;
    await until(() => serving.reader.status().release === release);
    expect({ label, ...(await serving.ask()) }).toEqual({ label, release, version, rows });
    return;
  }
  const { rows, release, version } = good;
  expect({ label, ...(await serving.ask()) }).toEqual({ label, release, version, rows });
  const status = serving.reader.status();
  expect({ label, ok: status.ok, code: status.lastManifestError?.code }).toEqual({ label, ok: false, code: verdict.code });
}

describe("a reader that serves while its manifest becomes", () => {
  test.each(manifestShapes)("$name", async (shape) => {
    const folder = template.copy();
    const place = template.place(folder);
    const serving = await servingReader(folder);
    const cases = shape.cases(place.good);
    for (const each of cases) {
      each.lay(place);
      await answers(serving, shape, each);
    }
    const { verdict } = shape;
    if (verdict.kind !== "served") await degradedBy(serving, verdict);
    place.restore();
    await recovered(serving);
    expect(serving.told.map(({ event }) => event)).toEqual(verdict.kind === "served" ? [] : ["degraded", "recovered"]);
    passed(shape, cases.length);
  });
});
