import { expect, test } from "vitest";
import { editedSources } from "./mutate.ts";
import { variants } from "./variants.ts";

// That a test catches each is a proof, which takes minutes; that the sources have moved on from its edits is seen at once.
test.each(variants.map(({ name, edits }) => [name, edits] as const))("%s: its edits fit the sources", (_name, edits) => {
  expect(editedSources(edits).size).toBeGreaterThan(0);
});
