import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { quickLook } from "../../src/model/quick-look.ts";
import { releaseRecordSchema } from "../../src/model/release-record.ts";

const record = {
  formatVersion: 1,
  release: "r000042",
  uid: "0".repeat(32),
  store: "holdings",
  layout: "releases",
  basename: "holdings",
  base: { release: "r000041", version: 41 },
  createdAt: "2026-11-21T12:00:00.000Z",
  builder: { kind: "command", command: ["python", "etl.py"], exit: 0, durationMs: 12.5 },
  storageVersion: "v1.5.0",
  files: [{ path: "releases/r000042/holdings.duckdb", bytes: 12, sha256: "a".repeat(64) }],
  tables: [{ schema: "main", name: "t", kind: "table", rows: 3, columns: [{ name: "a", type: "INTEGER", nullable: true }] }],
  checks: [{ name: "opens", check: "opens", severity: "error", status: "pass", observed: "", expected: "", message: "" }],
};

/** Every place in a document, as a path of keys. */
function places(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => places(inner, [...path, key]))];
}

/** The document with another value at a place; `undefined` removes it. */
function changed(value: unknown, [key, ...rest]: readonly string[], other: unknown): unknown {
  if (key === undefined) return other;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  const inner = changed(copy[key], rest, other);
  if (inner === undefined) delete copy[key];
  else copy[key] = inner;
  return JSON.parse(JSON.stringify(copy));
}

const other = fc.oneof(
  fc.constantFrom(undefined, null, "", "table", "releases", "pass", "2026-11-21T12:00:00.000Z", -1, 0, 1, 1.5, 1e300, true),
  fc.jsonValue(),
);

test("a record is seen to be one", () => {
  expect(quickLook(releaseRecordSchema)(record)).toBe(true);
});

test("what a quick look takes for a record, the schema takes, too, and gives back as it is", () => {
  const look = quickLook(releaseRecordSchema);
  let taken = 0;
  fc.assert(
    fc.property(fc.constantFrom(...places(record)), other, (place, value) => {
      const document = changed(record, place, value);
      const parsed = releaseRecordSchema.safeParse(document);
      if (look(document)) {
        taken += 1;
        expect(parsed).toEqual({ success: true, data: document });
      } else if (parsed.success) {
        // Only what the schema would drop.
        expect(parsed.data).not.toEqual(document);
      }
    }),
    { numRuns: 2_000 },
  );
  expect(taken).toBeGreaterThan(0);
});

test("a key that the schema does not know is left to the schema", () => {
  const look = quickLook(z.object({ a: z.string(), b: z.array(z.object({ c: z.boolean().optional() })) }));
  expect(look({ a: "", b: [{ c: true }, {}] })).toBe(true);
  expect(look({ a: "", b: [], d: 1 })).toBe(false);
  expect(look({ a: "", b: [{ d: 1 }] })).toBe(false);
  expect(look(JSON.parse('{"a": "", "b": [], "__proto__": {}}'))).toBe(false);
  expect(look({ b: [] })).toBe(false);
  expect(look({ a: "", b: {} })).toBe(false);
});

test("a schema that changes what it takes, or has a rule of its own, is asked itself", () => {
  expect(quickLook(z.string().trim())(" a")).toBe(false);
  expect(quickLook(z.string().trim())("a")).toBe(true);
  expect(quickLook(z.coerce.string())(1)).toBe(false);
  expect(quickLook(z.string().default("x"))(undefined)).toBe(false);
  expect(quickLook(z.strictObject({ a: z.int().min(1) }))({ a: 0 })).toBe(false);
  expect(quickLook(z.array(z.string()).max(1))(["a", "b"])).toBe(false);
  expect(quickLook(z.object({ a: z.string() }).refine(({ a }) => a !== ""))({ a: "" })).toBe(false);
});
