import { proofSeed } from "../seed.ts";
import { exploreAll, exploreRandom } from "./explore.ts";
import { runner, type Interleaving } from "./stage.ts";
import { withinTurnRunner, type WithinTurn } from "./within-turn.ts";

/**
 * How long a file operation takes, in milliseconds. In no time at all, everything happens within one tick of the file system's clock, where change times tell nothing
 * apart; with 25 ms, every change has a time of its own, and what was read counts as settled.
 */
export const stepTimes = [0, 25] as const;

/** How far to explore. */
export interface Exploration {
  /** Every order with at most so many interferences. */
  readonly budget: number;
  /** So many random orders besides, for each step time. */
  readonly random: number;
  readonly stepTimes?: readonly number[];
}

/** Replays a failure among the random orders: the seed is in its message. */
export const seed = proofSeed(1);

/** How many orders were run. */
export interface Explored {
  readonly all: number;
  readonly random: number;
}

/** Explores a scenario, at each step time anew. Throws `BrokenOrder`. */
export async function explore(scenario: Interleaving | WithinTurn, exploration: Exploration): Promise<Explored> {
  let all = 0;
  let random = 0;
  for (const stepMs of exploration.stepTimes ?? stepTimes) {
    const run = "cast" in scenario ? await runner(scenario, stepMs) : await withinTurnRunner(scenario, stepMs);
    all += await exploreAll(run, exploration);
    random += await exploreRandom(run, { count: exploration.random, seed });
  }
  return { all, random };
}
