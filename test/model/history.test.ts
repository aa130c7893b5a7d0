import fc from "fast-check";
import { expect, test } from "vitest";
import { parseHistory, parseHistoryLine } from "../../src/model/history.ts";

const line = (id: number) =>
  `${JSON.stringify({ id, type: "release.switched", store: "s", time: "2026-11-21T03:00:00.000Z", version: id })}\n`;

test("whole lines are events, in order", () => {
  const { events, wholeBytes } = parseHistory(Buffer.from(line(1) + line(2)));
  expect(events.map((event) => event.id)).toEqual([1, 2]);
  expect(wholeBytes).toBe(Buffer.byteLength(line(1) + line(2)));
});

test("FACTS 5: a tail torn at any byte is left out and the lines before it are not", () => {
  const text = line(1) + line(2);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: text.length }), (cut) => {
      const { events, wholeBytes } = parseHistory(Buffer.from(text.slice(0, cut)));
      const whole = [line(1).length, text.length].filter((end) => end <= cut).length;
      expect(events.map((event) => event.id)).toEqual([1, 2].slice(0, whole));
      expect(wholeBytes).toBe([0, line(1).length, text.length][whole]);
    }),
  );
});

test("a malformed line in the middle costs itself only", () => {
  const { events } = parseHistory(Buffer.from(`${line(1)}not json\n{"id": 0}\n${line(2)}`));
  expect(events.map((event) => event.id)).toEqual([1, 2]);
});

test("a power cut in mid-append may leave a whole line with holes: it is no line either", () => {
  const holes = `${"\0".repeat(40)}${line(2).slice(40)}`;
  for (const tail of [holes, `${holes}${holes}`, "\n", line(2).slice(9)]) {
    expect(parseHistory(Buffer.from(line(1) + tail))).toMatchObject({ events: [{ id: 1 }], wholeBytes: line(1).length });
  }
  expect(parseHistory(Buffer.from(holes)).wholeBytes).toBe(0);
});

test("a line of a kind that only a newer version knows is kept at the end, too", () => {
  const text = `${line(1)}${JSON.stringify({ id: 2, type: "release.blessed" })}\n`;
  expect(parseHistory(Buffer.from(text))).toMatchObject({ events: [{ id: 1 }], wholeBytes: text.length });
});

test("a line is an event, JSON that is none, or broken", () => {
  expect(parseHistoryLine(line(1).trimEnd())).toMatchObject({ id: 1 });
  for (const text of ['{"id": 0}', "5", "null", '{"id": 2, "type": "release.blessed"}'])
    expect(parseHistoryLine(text)).toBe("unknown");
  for (const text of ["", "\0\0", line(1).slice(0, -2)]) expect(parseHistoryLine(text)).toBe("broken");
});
