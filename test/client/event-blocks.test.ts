import fc from "fast-check";
import { expect, test } from "vitest";
import { EventBlocks } from "../../src/client/event-blocks.ts";

const none = { id: undefined, data: undefined, retryMs: undefined };

test.each([
  ["id: 1\nevent: x\ndata: {}\n\n", [{ ...none, id: "1", data: "{}" }]],
  ["retry: 2000\nid: 41\n\n", [{ ...none, id: "41", retryMs: 2000 }]],
  [": alive\n\n", [none]],
  ["data: a\ndata:b\ndata\n\n", [{ ...none, data: "a\nb\n" }]],
  ["\uFEFFdata: a\n\n", [{ ...none, data: "a" }]],
  ["retry: soon\nid: a\0b\nunknown: x\n\n", [none]],
  ["data: one\n\ndata: half", [{ ...none, data: "one" }]],
])("%j", (text, blocks) => {
  expect(new EventBlocks().push(text)).toEqual(blocks);
});

test("however the text is cut, and whatever ends its lines", () => {
  const line = fc.constantFrom("data: a", "data: b: c", "id: 7", "retry: 5", ": x", "");
  fc.assert(
    fc.property(fc.array(line), fc.constantFrom("\n", "\r\n", "\r"), fc.array(fc.nat(40)), (lines, end, cuts) => {
      const text = [...lines, "", "data: last", "", ": more"].join(end);
      const whole = new EventBlocks().push([...lines, "", "data: last", "", ": more"].join("\n"));
      const places = [...new Set(cuts.map((cut) => Math.min(cut, text.length)))].toSorted((left, right) => left - right);
      const parser = new EventBlocks();
      const pieces = [0, ...places].map((place, index) => text.slice(place, places[index]));
      expect(pieces.flatMap((piece) => parser.push(piece))).toEqual(whole);
    }),
  );
});

test("a block without an end is refused", () => {
  const blocks = new EventBlocks();
  expect(() => {
    for (let index = 0; index < 5; index += 1) blocks.push(`data: ${"x".repeat(1_000_000)}\n`);
  }).toThrow("without an end");
});
