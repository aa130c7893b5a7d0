import { expect, test } from "vitest";
import { lastHalfFloorSlope, lastHalfPlainSlope } from "./readers.ts";

/** Two minutes' worth of samples: 130 MB, up to 60 MB more for a moment, and `leaked` of it more at the end than at the half. */
function run(leaked: number): { readonly memory: number[] } {
  const count = 480;
  const memory = Array.from({ length: count }, (_, index) => {
    const burst = (index * 7919) % 61;
    return (130 * (1 + leaked * Math.max(0, index / (count / 2) - 1)) + burst) * 1e6;
  });
  return { memory };
}

test("memory that comes and goes is no leak; a floor that rises by 6 % in the last half is told as such, and by 20 % too", () => {
  expect(Math.abs(lastHalfFloorSlope(run(0)))).toBeLessThan(0.02);
  expect(lastHalfFloorSlope(run(0.06))).toBeGreaterThan(0.05);
  expect(lastHalfFloorSlope(run(0.2))).toBeGreaterThan(0.15);
  expect(lastHalfPlainSlope(run(0.2))).toBeGreaterThan(0.1);
});
