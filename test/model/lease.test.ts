import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judgeLease, leaseMsMax, parseLease, renderLease, type Lease } from "../../src/model/lease.ts";

const moment = { at: "2026-11-21T03:00:00.000Z", bootId: "boot", uptimeMs: 1_000 };
const seen = { device: "1", inode: "2", bytes: 30 };
const lease: Lease = {
  formatVersion: 1,
  build: "0123456789ab",
  store: "holdings",
  basename: "DB",
  owner: { pid: 7, host: "h", command: "lockkeeper build begin holdings" },
  started: moment,
  leaseMs: 60_000,
  renewed: { ...moment, messages: seen },
  expiresAt: "2026-11-21T03:01:00.000Z",
};
const place = { build: lease.build, path: "/x/lease.json" };
const now = { bootId: "boot", uptimeMs: 1_000, messages: seen };

describe("whether a lease has expired", () => {
  test("until its time is over it is open, then expired, to the millisecond", () => {
    expect(judgeLease(lease, { ...now, uptimeMs: 60_999 })).toEqual({ state: "open", active: false, remainingMs: 1 });
    expect(judgeLease(lease, { ...now, uptimeMs: 61_000 })).toEqual({ state: "expired", active: false, remainingMs: 0 });
  });

  test.each([
    ["another boot", { bootId: "other" }],
    ["an uptime that went back, where no boot has a name", { uptimeMs: 999 }],
    ["another boot, whose builder writes messages", { bootId: "other", messages: { ...seen, bytes: 99 } }],
  ])("%s: expired", (_, change) => {
    expect(judgeLease(lease, { ...now, ...change })).toMatchObject({ state: "expired", active: false });
  });

  test.each([
    ["longer", { ...seen, bytes: 31 }],
    ["shorter", { ...seen, bytes: 29 }],
    ["another file", { ...seen, inode: "3" }],
  ])("messages that are %s than those seen are a sign of life, however late", (_, messages) => {
    const verdict = { state: "open", active: true, remainingMs: 60_000 };
    expect(judgeLease(lease, { ...now, uptimeMs: 1e12, messages })).toEqual(verdict);
  });

  test("messages that were removed, or that nobody has written yet, are none", () => {
    expect(judgeLease(lease, { ...now, uptimeMs: 1e12, messages: undefined })).toMatchObject({ state: "expired" });
    const without = { ...lease, renewed: moment };
    expect(judgeLease(without, { ...now, uptimeMs: 1e12, messages: undefined })).toMatchObject({ state: "expired" });
    expect(judgeLease(without, { ...now, uptimeMs: 1e12 })).toMatchObject({ state: "open", active: true });
  });

  test("wall times decide nothing", () => {
    const time = fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-01-01") })
      .map((date) => date.toISOString());
    fc.assert(
      fc.property(time, time, fc.nat(200_000), (at, expiresAt, uptimeMs) => {
        const jumped = { ...lease, started: { ...moment, at }, renewed: { ...lease.renewed, at }, expiresAt };
        expect(judgeLease(jumped, { ...now, uptimeMs })).toEqual(judgeLease(lease, { ...now, uptimeMs }));
      }),
    );
  });
});

describe("reading a lease", () => {
  test("gives back what was written", () => {
    expect(parseLease(renderLease(lease), place)).toEqual(lease);
  });

  test.each([
    ["nothing", "", /is not JSON/],
    ["half of one", renderLease(lease).subarray(0, 100), /is not JSON/],
    ["another thing", "[]", /is no lease/],
    ["another build's", renderLease({ ...lease, build: "ffffffffffff" }), /is the lease of build ffffffffffff/],
    ["a path for a name", renderLease({ ...lease, basename: "../../db_manifest" }), /basename/],
    ["a lease for ever", renderLease({ ...lease, leaseMs: leaseMsMax + 1 }), /leaseMs/],
    ["no uptime", renderLease({ ...lease, renewed: { ...moment, uptimeMs: Number.NaN } }), /uptimeMs/],
  ])("%s is LEASE_INVALID, with what is wrong", (_, text, message) => {
    expect(() => parseLease(Buffer.from(text), place)).toThrow(expect.objectContaining({ code: "LEASE_INVALID", exit: 13 }));
    expect(() => parseLease(Buffer.from(text), place)).toThrow(message);
  });

  test("one of a newer version is FORMAT_UNSUPPORTED", () => {
    const text = JSON.stringify({ ...lease, formatVersion: 2 });
    expect(() => parseLease(Buffer.from(text), place)).toThrow(expect.objectContaining({ code: "FORMAT_UNSUPPORTED", exit: 14 }));
  });
});
