// @ts-check
import { whole } from "./screen.mjs";

/** @param {{ firstAnswerMs: number } | undefined} seen */
export function firstAnswer(seen) {
  return seen ? `; first answer ${whole(seen.firstAnswerMs)} ms after the switch` : "";
}

/** @param {number} ms */
export function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

/**
 * Throws what a step's process said, where it ended otherwise than it should.
 *
 * @param {string} what
 * @param {import("./children.mjs").Ended} done
 * @param {number} exit
 */
export function assertExit(what, done, exit) {
  if (done.code === exit) return;
  throw new Error(`${what} ended with exit ${done.code}, expected ${exit}:\n${done.stderr.trim().slice(-2000)}`);
}
