import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatBytes, formatDuration, formatElapsed, formatSize, parseBytes, parseDuration } from "../../src/model/units.ts";

describe("parseDuration", () => {
  it.each([
    ["250ms", 250],
    ["30s", 30_000],
    ["1.5s", 1_500],
    ["10m", 600_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["0s", 0],
  ])("reads %s", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(["", "30", "s", "-1s", "1 s", "1S", "1e3s", "1.s", ".5s", "30seconds", "999999999999999d", "1s "])(
    "refuses %j",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it("reads back what formatDuration writes", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 10_000_000_000 }), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe("parseBytes", () => {
  it.each([
    ["0B", 0],
    ["0MB", 0],
    ["512B", 512],
    ["8KB", 8_000],
    ["8kB", 8_000],
    ["64MB", 64_000_000],
    ["1.5GB", 1_500_000_000],
    ["1.005kB", 1_005],
    ["64KiB", 65_536],
    ["1MiB", 1_048_576],
    ["0.5GiB", 536_870_912],
  ])("reads %s", (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each([
    "",
    "64",
    "MB",
    "-1MB",
    "64 MB",
    "64mb",
    "64M",
    "64Mb",
    "64kiB",
    "1.5B",
    "0.0001kB",
    "1e3B",
    "1.MB",
    ".5MB",
    "9007200GB",
    "1MB ",
  ])("refuses %j", (text) => {
    expect(parseBytes(text)).toBeUndefined();
  });

  it("reads back what formatSize writes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (bytes) => parseBytes(formatSize(bytes)) === bytes),
    );
    expect([0, 999, 1_000, 64_000_000, 1_500_000, 2_000_000_000].map(formatSize)).toEqual([
      "0B",
      "999B",
      "1kB",
      "64MB",
      "1500kB",
      "2GB",
    ]);
  });
});

describe("for people", () => {
  it.each([
    [0, "0 ms"],
    [999, "999 ms"],
    [1_000, "1.0 s"],
    [59_949, "59.9 s"],
    [59_950, "1 min 00 s"],
    [125_000, "2 min 05 s"],
    [3_720_000, "1 h 02 min"],
  ])("%d ms took %s", (ms, text) => {
    expect(formatElapsed(ms)).toBe(text);
  });

  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1_000, "1.00 kB"],
    [15_300_000, "15.3 MB"],
    [999_600_000, "1.00 GB"],
    [8_100_000_000, "8.10 GB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
