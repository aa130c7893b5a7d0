import { describe, expect, test } from "vitest";
import { median, quantile } from "../../bench/lib/statistics.mjs";
import { durationRow, renderTable, speedRow } from "../../bench/lib/table.mjs";
import { evaluate } from "../../bench/switch.mjs";

describe("what the switch bench makes of a reader's answers", () => {
  const switched = [{ number: 1, at: 1000 }];

  test("first new answer, last old answer and the times of requests near the switch", () => {
    const measured = evaluate(
      [
        [100, 110, 0],
        [990, 1020, 0],
        [995, 1035, 1],
        [1020, 1030, 1],
        [1600, 1601, 1],
      ],
      switched,
    );
    expect(measured).toEqual({ firstAnswerMs: [30], staleMs: [20], nearMs: [30, 40, 10] });
  });

  test("a switch that no answer ever showed is an error, not a good figure", () => {
    expect(() => evaluate([[990, 1020, 0]], switched)).toThrow("no answer of build 1");
  });
});

test("quantiles are values that were measured", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(quantile([1, 2, 3, 4], 0.99)).toBe(4);
  expect(quantile([5], 0.01)).toBe(5);
  expect(median([])).toBeNaN();
});

test("a ratio under or over its goal is told as not met", () => {
  const row = { bench: "b", measure: "m", ours: 10, theirs: 9, against: "x" };
  expect(speedRow(row, 0.97)).toMatchObject({ ratio: 0.9, met: "no", goal: "≥ 0.97" });
  expect(speedRow({ ...row, ours: 9 }, 0.97)).toMatchObject({ ratio: 1, met: "yes" });
  expect(durationRow({ ...row, ours: 20, theirs: 10 }, 1.1)).toMatchObject({ ratio: 2, met: "no", goal: "≤ 1.1" });
  expect(renderTable([speedRow(row, 0.97)])).toMatch(/b +m +10\.0 ms +9\.0 ms +0\.90 +≥ 0\.97 +no +x/);
});
