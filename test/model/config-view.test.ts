import { resolve } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { bytesSchema } from "../../src/model/bytes.ts";
import { configSchema } from "../../src/model/config.ts";
import { ShownDuration, ShownSize, viewAsJson, viewOf } from "../../src/model/config-view.ts";
import { durationSchema } from "../../src/model/duration.ts";

const context = { absolute: (path: string) => resolve("/srv/app", path), environment: { SET: "x", EMPTY: "" } };

const release = { kind: "release", dir: "data/holdings" };

test("durations are told from numbers by the schema, also in a list whose shapes one field tells apart", () => {
  const config = configSchema.parse({
    format: 1,
    stores: {
      a: {
        ...release,
        retention: { keep: 60_000, within: "1m" },
        checks: [
          { check: "fresh", table: "t", column: "c", warn_after: "26h" },
          { check: "rows", table: "t", min: 93_600_000 },
        ],
      },
    },
  });
  const view = viewOf(config, configSchema, context) as unknown as {
    readonly stores: { readonly a: { readonly retention: object; readonly checks: readonly object[] } };
  };
  expect(view.stores.a.retention).toEqual({ keep: 60_000, within: new ShownDuration(60_000) });
  expect(view.stores.a.checks).toMatchObject([{ warn_after: new ShownDuration(93_600_000) }, { min: 93_600_000 }]);
  expect(viewAsJson(view as never)).toMatchObject({
    stores: { a: { dir: "/srv/app/data/holdings", retention: { within: 60_000 } } },
  });
});

test("a part that nobody has thought of here is shown, durations with defaults and all, its secrets not", () => {
  const schema = z.strictObject({
    other: z.strictObject({
      listen: z.string(),
      limits: z.strictObject({
        time: durationSchema(1, 60_000).describe("How long.").default(30_000),
        url: bytesSchema(1, 9_000),
      }),
    }),
    tokens: z.array(z.strictObject({ name: z.string(), sha256: z.string(), claims: z.record(z.string(), z.string()) })),
  });
  const parsed = schema.parse({
    other: { listen: "127.0.0.1:4600", limits: { url: "8kB" } },
    tokens: [
      { name: "dagster", sha256: "env:SET", claims: { user_id: "7" } },
      { name: "other", sha256: "0123456789abcdef", claims: {} },
    ],
  });
  const view = viewOf(parsed, schema, context);
  expect(view).toMatchObject({ other: { limits: { time: new ShownDuration(30_000), url: new ShownSize(8_000) } } });
  expect(viewAsJson(view)).toEqual({
    other: { listen: "127.0.0.1:4600", limits: { time: 30_000, url: 8_000 } },
    tokens: [
      { name: "dagster", sha256: { env: "SET", set: true }, claims: { user_id: "7" } },
      { name: "other", sha256: { hidden: true }, claims: {} },
    ],
  });
  // The same without a schema: nothing is lost but which numbers are durations or sizes.
  expect(viewAsJson(viewOf(parsed, undefined, context))).toEqual(viewAsJson(view));
});

test.each([
  [
    "url",
    "https://user:password@hooks.example.org:8443/path?token=1",
    { hidden: true, origin: "https://hooks.example.org:8443" },
  ],
  ["url", "not an address", { hidden: true }],
  ["url", "mailto:ada@example.org", { hidden: true }],
  ["url", "env:MISSING", { env: "MISSING", set: false }],
  ["url", "env:EMPTY", { env: "EMPTY", set: false }],
  ["secret", "hunter2", { hidden: true }],
  ["secret", 12345, { hidden: true }],
  ["webhook_secret", "hunter2", { hidden: true }],
  ["sha256", ["aa", "bb"], [{ hidden: true }, { hidden: true }]],
  ["curl", "https://example.org/x", "https://example.org/x"],
  ["fallback", "old.duckdb", "/srv/app/old.duckdb"],
  ["fallback", "/data/old.duckdb", "/data/old.duckdb"],
  ["fallback", "env:SET", { env: "SET", set: true }],
  ["name", "old.duckdb", "old.duckdb"],
])("%s = %j is shown as %j", (key, value, shown) => {
  expect(viewAsJson(viewOf({ [key]: value }, undefined, context))).toEqual({ [key]: shown });
});
