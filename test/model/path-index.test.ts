import { expect, test } from "vitest";
import { groupPaths, pathIndex } from "../../src/model/path-index.ts";

const own = (path: string): string => path;

test("a path is that of the innermost item around it", () => {
  const find = pathIndex(["a", "a/b", "a/b.parquet"], own);
  expect(["a", "a/x", "a/b/c/d", "a/b.parquet", "ab", "b/a", ""].map(find)).toEqual([
    "a",
    "a",
    "a/b",
    "a/b.parquet",
    undefined,
    undefined,
    undefined,
  ]);
});

test("of two items at one path the first has it", () => {
  const items = [{ at: "a" }, { at: "a" }];
  expect(pathIndex(items, ({ at }) => at)("a/b")).toBe(items[0]);
});

test("paths keep their order, and those of none are left out", () => {
  const groups = groupPaths(["x", "y", "z"], ["x/2", "y", "x/1", "w"], own);
  expect([...groups]).toEqual([
    ["x", ["x/2", "x/1"]],
    ["y", ["y"]],
  ]);
});
