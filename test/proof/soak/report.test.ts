import { expect, test } from "vitest";
import { checkHistory } from "../../../soak/checker/check.mjs";
import { lastHalfSlope } from "../../../soak/checker/memory.mjs";
import { summarize } from "../../../soak/checker/summary.mjs";
import { proofRows, renderSummary, renderViolations } from "../../../soak/lib/report.mjs";
import { faultless, lineOf } from "./sample.ts";

test("the rows for docs/proof.md have the same words whatever was counted", () => {
  const rows = proofRows(summarize(faultless()));
  const none = proofRows(summarize({ lines: [], history: [] }));
  expect(rows.map(({ count }) => count)).toEqual([2, 2, 1, 2, 1, 8, 2]);
  expect(none).toEqual(rows.map((row) => ({ ...row, count: 0 })));
  // A page's cell ends at a bar.
  expect(JSON.stringify(rows)).not.toContain("|");
});

test("the summary ends with the number of violations; each is shown with its lines, and all are counted by rule", () => {
  const written = faultless();
  expect(renderSummary(summarize(written), []).trimEnd().split("\n").at(-1)).toMatch(/^violations +0$/);
  lineOf(written, "answer", 1).items.sum += 1;
  const violations = checkHistory(written);
  expect(renderSummary(summarize(written), violations)).toMatch(/violations +1\n$/);
  expect(renderViolations(violations)).toMatch(
    /^whole-answer: sums that build 2 does not have\n +\{"process":"busy".*\}\nwhole-answer: 1\n$/,
  );
});

test("the slope of memory is that of the last half: what grew before does not count", () => {
  const samples = (of: (index: number) => number) => Array.from({ length: 100 }, (_, index) => of(index));
  expect(lastHalfSlope(samples(() => 100))).toBe(0);
  expect(lastHalfSlope(samples((index) => Math.min(index, 50)))).toBeCloseTo(0);
  expect(lastHalfSlope(samples((index) => 100 + Math.max(0, index - 50)))).toBeCloseTo(49 / 124.5, 2);
});
