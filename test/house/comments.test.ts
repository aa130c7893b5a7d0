import { expect, test } from "vitest";
import { documentedExports } from "./rules/comments.ts";
import { sourceOf, sourcesBelow } from "./sources.ts";

test("every export has a doc comment", () => {
  expect(documentedExports(sourcesBelow("src"))).toEqual([]);
});

test.each([
  ["export function f() {}", "f"],
  ["export const a = 1, b = 2;", "a, b"],
  ["// Not a doc comment.\nexport interface A {}", "A"],
  ["/** */\nexport type A = 1;", "A"],
  ["/** Doc. */\nconst other = 1;\nexport class A {}", "A"],
])("%s is refused", (text, name) => {
  expect(documentedExports([sourceOf("src/model/a.ts", text)])).toEqual([expect.stringContaining(`${name} is exported without`)]);
});

test.each([
  "/** Doc. */\nexport function f() {}",
  'export { x } from "./x.ts";',
  "function inner() {}",
  'export * from "./x.ts";',
])("%s is fine", (text) => {
  expect(documentedExports([sourceOf("src/model/a.ts", text)])).toEqual([]);
});
