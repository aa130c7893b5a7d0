import { expect, test } from "vitest";
import { proofDifferences, proofPage } from "../../scripts/docs/proof.mjs";

const row = { operation: "publish", fault: "power cut", outcome: "whole", count: 1234 };
const results = [{ area: "crashes", part: "sweep", rows: [row] }];

test("the page of a run differs from that run in nothing, whatever the counts", () => {
  const page = proofPage(results);
  expect(page).toContain("| publish | power cut | whole | 1,234 |");
  expect(proofDifferences(page, results)).toEqual([]);
  expect(proofDifferences(page, [{ ...results[0]!, rows: [{ ...row, count: 1 }] }])).toEqual([]);
});

test("another outcome, a missing row and a new one are told", () => {
  const page = proofPage(results);
  const others = [
    { ...row, outcome: "torn" },
    { ...row, fault: "killed" },
  ];
  expect(proofDifferences(page, [{ area: "crashes", part: "sweep", rows: others }])).toEqual([
    'publish | power cut: the page says "whole", the run "torn"',
    "not in the page: publish | killed",
  ]);
  expect(proofDifferences(page, [])).toEqual(["not in the run: publish | power cut"]);
});

test("what this run could not try may stand in the page as tried, and says so in a page of its own", () => {
  const skipped = [{ area: "crashes", part: "sweep", rows: [{ ...row, count: 0, skipped: "no root" }] }];
  expect(proofDifferences(proofPage(results), skipped)).toEqual([]);
  expect(proofDifferences(proofPage(skipped), results)).toEqual([]);
  expect(proofPage(skipped)).toContain("| publish | power cut | skipped: no root | 0 |");
});
