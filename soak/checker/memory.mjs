// @ts-check
/** Resident memory that the processes that lasted needed, sampled once a second. */
import { lifeOf, ofKind } from "./facts.mjs";

/** @typedef {import("./facts.mjs").Line} Line */

/** A life has lasted when it has so many samples, and half as many as the longest. */
const samplesMin = 10;

/** A slope says something from so many samples on: in less than four minutes what the start needs is still in the last half. */
const judgedMin = 240;

/** How much memory may rise over the last half. */
const riseMax = 0.05;

/**
 * Resident memory of each life that lasted: its lowest and highest, and how much a straight line (least squares) through the last half of the samples
 * rises from its first to its last, as a share of their mean.
 *
 * @param {readonly Line[]} lines
 */
export function memoryOf(lines) {
  /** @type {Map<string, number[]>} */
  const lives = new Map();
  for (const line of ofKind(lines, "memory")) lives.set(lifeOf(line), [...(lives.get(lifeOf(line)) ?? []), line.bytes]);
  const longest = Math.max(0, ...[...lives.values()].map((bytes) => bytes.length));
  return [...lives].flatMap(([life, bytes]) => {
    if (bytes.length < Math.max(samplesMin, longest / 2)) return [];
    const lastHalf = lastHalfSlope(bytes);
    return [{ life, samples: bytes.length, low: Math.min(...bytes), high: Math.max(...bytes), lastHalfSlope: lastHalf }];
  });
}

/**
 * Memory does not grow: of each life that lasted for four minutes the line through its last half rises by less than 5 %.
 *
 * @param {import("./facts.mjs").Facts} facts
 * @returns {import("./facts.mjs").Violation[]}
 */
export function memoryDoesNotGrow({ lines }) {
  return memoryOf(lines).flatMap(({ life, samples, low, high, lastHalfSlope: rise }) => {
    if (samples < judgedMin || rise < riseMax) return [];
    const message = `${life} had ${low} to ${high} bytes, and rose by ${(rise * 100).toFixed(1)} % over the last half of ${samples} s`;
    return [{ rule: "memory", message, lines: [] }];
  });
}

/**
 * @param {readonly number[]} bytes evenly spaced samples
 */
export function lastHalfSlope(bytes) {
  const half = bytes.slice(Math.floor(bytes.length / 2));
  const middle = (half.length - 1) / 2;
  const mean = half.reduce((sum, sample) => sum + sample, 0) / half.length;
  const covariance = half.reduce((sum, sample, at) => sum + (at - middle) * (sample - mean), 0);
  const variance = half.reduce((sum, _sample, at) => sum + (at - middle) ** 2, 0);
  return ((covariance / variance) * (half.length - 1)) / mean;
}
