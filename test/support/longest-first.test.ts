import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import type { TestSpecification, Vitest } from "vitest/node";
import { longest, LongestFirst } from "./longest-first.ts";

const rootFolder = resolve("/project");

/** As far as a sequencer looks at it; nothing is known of earlier runs. */
const vitest = {
  config: { root: rootFolder },
  cache: { getFileTestResults: () => undefined, getFileStats: () => undefined },
} as unknown as Vitest;

function file(path: string, groupOrder = 1): TestSpecification {
  const project = { name: `group ${groupOrder}`, config: { isolate: true, sequence: { groupOrder } } };
  return { moduleId: resolve(rootFolder, path), project } as unknown as TestSpecification;
}

test("the long files come first, in their order, but none before an earlier group", async () => {
  const [first = "", second = ""] = longest;
  const sorted = await new LongestFirst(vitest).sort([file("a.ts"), file(second), file("b.ts"), file(first), file("c.ts", 0)]);
  expect(sorted.map(({ moduleId }) => moduleId)).toEqual(
    ["c.ts", first, second, "a.ts", "b.ts"].map((path) => resolve(rootFolder, path)),
  );
});

test("each of the long files is there", () => {
  expect(longest.filter((path) => !existsSync(path))).toEqual([]);
});
