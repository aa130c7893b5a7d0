import { describe, expect, it } from "vitest";
import { didYouMean, nearest } from "../../src/model/nearest.ts";

const known = ["kind", "dir", "layout", "basename", "fallback"];

describe("nearest", () => {
  it.each([
    ["layuot", "layout"],
    ["Layout", "layout"],
    ["basname", "basename"],
    ["fall_back", "fallback"],
    ["idr", "dir"],
  ])("%s is near %s", (word, wanted) => {
    expect(nearest(word, known)).toBe(wanted);
  });

  it.each(["", "retention", "xyz", "layouts_of_mine"])("nothing is near %j", (word) => {
    expect(nearest(word, known)).toBeUndefined();
  });

  it("makes a question, or nothing", () => {
    expect(didYouMean("layuot", known)).toBe('; did you mean "layout"?');
    expect(didYouMean("xyz", known)).toBe("");
  });
});
