import { expect, test } from "vitest";
import { readerSettings, type ReaderOptions } from "../../src/reader/options.ts";
import { FakeStore } from "./support/fake-store.ts";

const settings = (options: unknown) => readerSettings(options as ReaderOptions, 4);

test("defaults are those that are documented", () => {
  expect(settings({ dir: "/store" })).toEqual({
    dir: "/store",
    basename: undefined,
    fallback: undefined,
    freshness: "strict",
    drainTimeoutMs: 30_000,
    pollMs: 1000,
    waitMs: 5000,
    fallbackIdleMs: 1000,
    keptIdleMs: 10_000,
    verify: "size",
    keptMax: 3,
    allowNetworkFs: false,
    warmup: [],
    concurrency: 4,
    rowsMax: 1_000_000,
    timeMaxMs: 300_000,
    bytesMax: 268_435_456,
    engine: {},
  });
  expect(
    settings({ dir: "/store", limits: { memory: "2GB", threads: 3, concurrency: 2, rows: 7, timeMs: 9, bytes: 11 } }),
  ).toMatchObject({
    engine: { memory_limit: "2GB", threads: "3" },
    concurrency: 2,
    rowsMax: 7,
    timeMaxMs: 9,
    bytesMax: 11,
  });
});

test.each([
  ["no folder", {}, "dir"],
  ["an empty folder", { dir: "" }, "dir"],
  ["an unknown freshness", { dir: "/s", freshness: "sometimes" }, "freshness"],
  ["a negative time", { dir: "/s", waitMs: -1 }, "waitMs"],
  ["a poll without pause", { dir: "/s", pollMs: 0 }, "pollMs"],
  ["not a number", { dir: "/s", drainTimeoutMs: Number.NaN }, "drainTimeoutMs"],
  ["an unknown option", { dir: "/s", drainTimeout: 3 }, "drainTimeout"],
  ["an unknown limit", { dir: "/s", limits: { row: 3 } }, "limits.row"],
  ["a limit of half a byte", { dir: "/s", limits: { bytes: 0.5 } }, "limits.bytes"],
  ["a limit of nothing", { dir: "/s", limits: { rows: 0 } }, "limits.rows"],
])("%s is a usage error that names the option", (_what, options, name) => {
  expect(() => settings(options)).toThrow(
    expect.objectContaining({ code: "USAGE", message: expect.stringContaining(`"${name}"`) }),
  );
});

test("a basename that cannot be a catalogue name is a configuration error", () => {
  expect(() => settings({ dir: "/s", basename: "main" })).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});

test("a network file system needs allowNetworkFs", async () => {
  const store = new FakeStore();
  store.publish("a", "one");
  store.platform.network = true;
  await expect(store.open()).rejects.toMatchObject({ code: "FILE_SYSTEM_UNSUPPORTED", exit: 14 });
  expect((await store.open({ allowNetworkFs: true })).status().release).toBe("r000001");
});
