import { expect, test } from "vitest";
import { KeptAnswers } from "../../src/client/kept-answers.ts";

test("the least lately used goes first; what is too large is not kept, and replaces what was", () => {
  const kept = new KeptAnswers(100);
  const answer = (characters: number) => ({ etag: "e", text: "x".repeat(characters - 1) });
  kept.set("a", answer(20));
  kept.set("b", answer(20));
  expect(kept.get("a")).toEqual(answer(20));
  kept.set("c", answer(20));
  expect(["a", "b", "c"].filter((url) => kept.get(url))).toEqual(["a", "c"]);
  kept.set("a", answer(26));
  expect(["a", "b", "c"].filter((url) => kept.get(url))).toEqual(["c"]);
  const nothing = new KeptAnswers(0);
  nothing.set("a", answer(1));
  expect(nothing.get("a")).toBeUndefined();
});
