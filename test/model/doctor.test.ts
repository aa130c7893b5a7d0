import { describe, expect, test } from "vitest";
import {
  descriptorsMin,
  judgeDescriptors,
  judgeMemory,
  judgeNode,
  judgePool,
  judgeTimeZone,
  memoryPerThread,
} from "../../src/model/doctor/machine.ts";
import { judgeAccess, judgeClock, judgeFileSystem, judgeSpace, judgeWriterLock } from "../../src/model/doctor/store.ts";

/** A judgement that is not a pass says what to do. */
function statusOf(verdict: { readonly status: string; readonly observed: string; readonly remedy?: string | undefined }): string {
  expect(verdict.observed).not.toBe("");
  expect(verdict.remedy === undefined).toBe(verdict.status === "pass");
  return verdict.status;
}

test.each([
  ["20.19.0", ">=20.19", "pass"],
  ["20.20.2", ">=20.19", "pass"],
  ["22.0.0", ">=20.19", "pass"],
  ["20.19.0", ">=20.19.1", "fail"],
  ["20.9.9", ">=20.19", "fail"],
  ["18.99.0", ">=20.19", "fail"],
])("Node %s against %s: %s", (version, range, status) => {
  expect(statusOf(judgeNode(version, range))).toBe(status);
});

test.each([
  [undefined, "pass"],
  [Infinity, "pass"],
  [descriptorsMin, "pass"],
  [descriptorsMin - 1, "warn"],
])("a limit of %s open files: %s", (limit, status) => {
  expect(statusOf(judgeDescriptors(limit))).toBe(status);
});

test("memory: as much as DuckDB needs for a thread on each processor, or a warning", () => {
  expect(statusOf(judgeMemory({ availableBytes: 4 * memoryPerThread, processors: 4 }))).toBe("pass");
  expect(statusOf(judgeMemory({ availableBytes: 4 * memoryPerThread - 1, processors: 4 }))).toBe("warn");
});

test("a time zone that is none is a warning which names the variable", () => {
  expect(statusOf(judgeTimeZone({ zone: "Europe/Berlin", variable: undefined }))).toBe("pass");
  expect(judgeTimeZone({ zone: undefined, variable: "Foo/Bar" })).toMatchObject({
    status: "warn",
    observed: expect.stringContaining('"Foo/Bar"'),
  });
  expect(statusOf(judgeTimeZone({ zone: "Etc/Unknown", variable: undefined }))).toBe("warn");
});

test("FACTS 1.9: as many queries at a time as the pool has threads are a warning which names both ways out", () => {
  expect(statusOf(judgePool({ threads: 4, isSet: false, concurrency: 3 }))).toBe("pass");
  expect(judgePool({ threads: 4, isSet: false, concurrency: 8 })).toMatchObject({
    status: "warn",
    observed: expect.stringContaining("8 queries at a time, 4 threads"),
    remedy: "Start readers with UV_THREADPOOL_SIZE=9 or more, or set reader.limits.concurrency to 3.",
  });
  expect(judgePool({ threads: 1, isSet: true, concurrency: 1 }).remedy).toBe("Start readers with UV_THREADPOOL_SIZE=2 or more.");
});

test.each([
  { name: "ext4", network: false, networkAllowed: false, status: "pass" },
  { name: "0x12345678", network: false, networkAllowed: false, status: "pass" },
  { name: "nfs", network: true, networkAllowed: false, status: "fail" },
  { name: "nfs", network: true, networkAllowed: true, status: "warn" },
  { name: "overlayfs", network: false, networkAllowed: false, status: "warn" },
  { name: "tmpfs", network: false, networkAllowed: false, status: "warn" },
])("$name (network $network, allowed $networkAllowed): $status", ({ name, network, networkAllowed, status }) => {
  expect(statusOf(judgeFileSystem({ name, network }, { networkAllowed }))).toBe(status);
});

test.each([
  [{ free: 10, needed: undefined }, "pass"],
  [{ free: 200, needed: 100 }, "pass"],
  [{ free: 199, needed: 100 }, "warn"],
  [{ free: 100, needed: 100 }, "warn"],
  [{ free: 99, needed: 100 }, "fail"],
  [{ free: 50, needed: 100, freed: 50 }, "warn"],
  [{ free: 100, needed: 100, freed: 100 }, "pass"],
])("space %j: %s", (space, status) => {
  expect(statusOf(judgeSpace(space))).toBe(status);
});

test("a clock behind the store's newest time fails, beyond the tolerance", () => {
  const newest = Date.UTC(2026, 10, 21);
  expect(statusOf(judgeClock({ now: newest, newest: undefined, toleranceMs: 60_000 }))).toBe("pass");
  expect(statusOf(judgeClock({ now: newest - 60_000, newest, toleranceMs: 60_000 }))).toBe("pass");
  expect(judgeClock({ now: newest - 90_000, newest, toleranceMs: 60_000 })).toMatchObject({
    status: "fail",
    observed: expect.stringContaining("1 min 30 s later"),
  });
});

describe("who may do what", () => {
  const access = {
    user: "user 1000 (app)",
    userId: 1000,
    ownerId: 1000,
    mode: 0o755,
    readDenied: undefined,
    writeDenied: undefined,
  };

  test.each([
    [{}, "pass"],
    [{ readDenied: "EACCES", writeDenied: "EACCES" }, "fail"],
    [{ writeDenied: "EROFS" }, "warn"],
    [{ userId: 0 }, "warn"],
    [{ userId: 0, ownerId: 0 }, "pass"],
    [{ userId: undefined, ownerId: 0 }, "pass"],
  ])("access %j: %s", (more, status) => {
    expect(statusOf(judgeAccess({ ...access, ...more }))).toBe(status);
  });

  const lock = { kind: "file", mode: 0o644, writeDenied: undefined, folderWritable: true } as const;

  test.each([
    [{}, "pass"],
    [{ mode: 0o664 }, "pass"],
    [{ mode: 0o666 }, "warn"],
    [{ kind: "symlink" as const }, "fail"],
    [{ writeDenied: "EACCES" }, "fail"],
    [{ writeDenied: "EACCES", folderWritable: false }, "pass"],
  ])("writer lock %j: %s", (more, status) => {
    expect(statusOf(judgeWriterLock({ ...lock, ...more }))).toBe(status);
  });

  test("no writer lock yet is fine", () => {
    expect(statusOf(judgeWriterLock(undefined))).toBe("pass");
  });
});
