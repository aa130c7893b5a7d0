import { describe, expect, test } from "vitest";
import { comparable, familyOf } from "../../src/model/column-type.ts";

describe("types compare within their family", () => {
  test.each([
    ["INTEGER", "HUGEINT", true],
    ["UBIGINT", "DECIMAL(18,3)", true],
    ["DOUBLE", "FLOAT", true],
    ["VARCHAR", "ENUM('a', 'b')", true],
    ["DATE", "TIMESTAMP_NS", true],
    ["INTEGER", "VARCHAR", false],
    ["TIMESTAMP", "TIMESTAMP WITH TIME ZONE", false],
    ["UUID", "UUID", true],
    ["UUID", "VARCHAR", false],
    ["INTEGER[]", "INTEGER[]", true],
    ["INTEGER[]", "BIGINT[]", false],
    ["TIME", "BLOB", false],
  ])("%s and %s: %s", (left, right, expected) => {
    expect(comparable(left, right)).toBe(expected);
    expect(comparable(right, left)).toBe(expected);
  });
});

test("a type that only looks like one of a family is none", () => {
  for (const type of [
    "VARCHAR[]",
    "ENUM('a')[3]",
    "STRUCT(a INTEGER)",
    "MAP(VARCHAR, INTEGER)",
    "INTEGER[3]",
    "TIMESTAMPS",
    "",
  ]) {
    expect(familyOf(type)).toBe("other");
  }
  expect(familyOf("ENUM('a]', 'b')")).toBe("text");
});
