import fc from "fast-check";
import { expect, test } from "vitest";
import { foreignEvent, foreignMark, historyEvent, parseEventId, storeEventSchema } from "../../src/model/events.ts";
import { manifestIdentity, parseManifest } from "../../src/model/manifest.ts";

const seen = new Date("2026-11-21T03:00:00.000Z");

/** What a look finds of a manifest of three fields. */
function found(fields: Record<string, unknown>) {
  const bytes = Buffer.from(JSON.stringify({ active: "a", version: 7, ...fields }));
  const stat = { kind: "file", device: 1n, inode: 2n, bytes: bytes.length, changedNs: 3n };
  return { manifest: parseManifest(bytes, "m"), identity: manifestIdentity(bytes, stat) };
}

test("an id that was told can be given back", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (line, version) => {
      expect(parseEventId(String(line))).toEqual({ line, foreign: undefined });
      const other = found({ version });
      const { id } = storeEventSchema.parse(foreignEvent(other, { store: "s", line, seen }));
      expect(parseEventId(String(id))).toEqual({ line, foreign: foreignMark(other) });
      // No line's id can be taken for it.
      expect(Number(id)).toBeNaN();
    }),
  );
});

test.each(["", "-1", "1.5", "1e3", " 1", "0x10", "9007199254740992", "1+", "1+XYZ", "+0123456789ab", "1+0123456789abc", "last"])(
  "%j is no id",
  (text) => {
    expect(parseEventId(text)).toBeUndefined();
  },
);

test("a line's event has the store's name of today, and not the manifest's commit", () => {
  const line = {
    id: 3,
    type: "release.switched",
    store: "old",
    time: seen.toISOString(),
    commit: "c",
    reason: "publish",
  } as const;
  expect(historyEvent("holdings", line)).toEqual({
    id: 3,
    type: "release.switched",
    store: "holdings",
    time: seen.toISOString(),
    reason: "publish",
  });
});

test("a foreign event tells release and version, and the time only where it is one", () => {
  const place = { store: "s", line: 0, seen };
  const told = foreignEvent(found({ lastUpdated: "2026-11-20T23:00:00+02:00" }), place);
  expect(told).toEqual({
    id: expect.stringMatching(/^0\+[0-9a-f]{12}$/),
    type: "release.switched",
    store: "s",
    time: "2026-11-20T21:00:00.000Z",
    release: "v7-a",
    version: 7,
    reason: "foreign",
  });
  for (const lastUpdated of [undefined, "yesterday", 5]) {
    expect(foreignEvent(found({ lastUpdated }), place).time).toBe(seen.toISOString());
  }
});
