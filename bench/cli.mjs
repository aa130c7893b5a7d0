// @ts-check
import { fileURLToPath } from "node:url";
import { wholeProcess } from "./lib/process.mjs";
import { median } from "./lib/statistics.mjs";
import { durationRow } from "./lib/table.mjs";

const goal = 2;
const main = fileURLToPath(new URL("../dist/bin/lockkeeper.js", import.meta.url));

/**
 * Whole processes, start to end: `lockkeeper --help` against a Node that does nothing.
 *
 * @type {import("./run.mjs").Bench}
 */
export async function run({ ci }) {
  /** @type {number[]} */
  const ours = [];
  /** @type {number[]} */
  const bare = [];
  for (let round = 0; round < (ci ? 7 : 21); round++) {
    bare.push(wholeProcess(["-e", "0"]));
    ours.push(wholeProcess([main, "--help"]));
  }
  return {
    rows: [
      durationRow(
        { bench: "cli", measure: "lockkeeper --help", ours: median(ours), theirs: median(bare), against: "node -e 0" },
        goal,
      ),
    ],
  };
}
