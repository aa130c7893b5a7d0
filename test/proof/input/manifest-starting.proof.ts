import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openReader } from "../../../src/workspace/open-reader.ts";
import { rejection } from "../../reader/support/rejection.ts";
import { readerOn } from "../../reader/support/real-reader.ts";
import { writeDatabase } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import type { ManifestCase, ManifestShape } from "./shapes/manifest-shape.ts";
import { manifestShapes } from "./shapes/manifests.ts";
import { manifestLedger } from "./support/manifest-rows.ts";
import { rowsSql, templateStore } from "./support/template.ts";

const template = templateStore();
const { ledger, passed } = manifestLedger("3-starting", "a starting reader", {
  text: "stops with `MANIFEST_INVALID` or `NO_RELEASE`, naming file and fault",
  field: "stops with `MANIFEST_INVALID` or `FORMAT_UNSUPPORTED`, naming file and field",
  names: "stops with an error that names what cannot be opened; never the fallback instead",
  legal: "served",
});

/** Cases at a time: each waits 100 ms for the manifest to get better. */
const batch = 32;

function laidStore({ lay }: ManifestCase): string {
  const folder = template.copy();
  lay(template.place(folder));
  return folder;
}

async function starts({ verdict }: ManifestShape, each: ManifestCase): Promise<void> {
  const folder = laidStore(each);
  const { label } = each;
  if (verdict.kind === "served") {
    const reader = await openReader({ dir: folder });
    const { release, version, rows } = await reader.query(rowsSql);
    await reader.close();
    expect({ label, release, version, rows: rows[0]?.[0] }).toEqual({
      label,
      release: verdict.release,
      version: verdict.version,
      rows: verdict.rows,
    });
    return;
  }
  const error = await rejection(openReader({ dir: folder }));
  expect(error).toMatchObject({ code: verdict.code, message: expect.stringContaining(verdict.says) });
  expect((error as Error).message).toContain(folder);
}

async function fallbackFile(): Promise<string> {
  const path = join(temporaryFolder(), "single.duckdb");
  await writeDatabase(path, "CREATE TABLE t AS SELECT * FROM range(9)");
  return path;
}

describe("a reader that starts on a manifest that is", () => {
  test.each(manifestShapes)("$name", async (shape) => {
    const cases = shape.cases(template.place("").good);
    for (let at = 0; at < cases.length; at += batch) {
      await Promise.all(cases.slice(at, at + batch).map((each) => starts(shape, each)));
    }
    passed(shape, cases.length);
  });
});

test("where a fallback is set it serves instead of what is no manifest, never without a warning, and never instead of a release that cannot be opened", async () => {
  const fallback = await fallbackFile();
  const count = { warned: 0, refused: 0 };
  for (const shape of manifestShapes) {
    const [first] = shape.cases(template.place("").good);
    const { verdict } = shape;
    if (first === undefined || verdict.kind === "served") continue;
    const warned: string[] = [];
    const note = (warning: Error): void => void warned.push(warning.message);
    process.on("warning", note);
    const dir = laidStore(first);
    if (verdict.kind === "unopenable") {
      expect(await rejection(openReader({ dir, fallback }))).toMatchObject({ code: verdict.code });
      count.refused += 1;
    } else {
      const reader = await readerOn(dir, { fallback });
      expect(reader.status()).toMatchObject({ mode: "fallback", ok: verdict.code === "NO_RELEASE" });
      expect((await reader.query(rowsSql)).rows).toEqual([[9]]);
      // A warning is delivered in the next turn.
      await new Promise((resolve) => setImmediate(resolve));
      expect(warned.join("\n")).toContain(join(dir, "db_manifest.json"));
      expect(warned.join("\n")).toContain(fallback);
      await reader.close();
      count.warned += 1;
    }
    process.off("warning", note);
  }
  ledger.add({
    operation: "a starting reader with a fallback",
    fault: "no usable manifest",
    outcome: "the fallback serves, with a warning that names both files",
    count: count.warned,
  });
  ledger.add({
    operation: "a starting reader with a fallback",
    fault: "a manifest whose release cannot be opened",
    outcome: "an error; the fallback's data may be years old",
    count: count.refused,
  });
});
