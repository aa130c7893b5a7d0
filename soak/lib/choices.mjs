// @ts-check
/** What a soak's publisher and visitors do, one choice after another: the same for the same seed. How long it all takes is chance. */
import { randomFrom } from "./random.mjs";

/** @typedef {import("./data.mjs").Content} Content */

/** The check `rows` refuses more orders than these. */
export const ordersMax = 8000;

/** Tags of one life of the publisher; no life has time for more. */
const tagsOfLife = 10_000;

/** Tags of visitors begin here. The largest sum, tag × rows² / 2, stays far below 2⁵³. */
const visitorTags = 9_000_000;

/**
 * A build as a function, as a command; one that a check refuses; one that fails; a command that gets SIGKILL in its midst; a rollback; a
 * rollback while a build is under way.
 *
 * @typedef {{
 *   kind: "function" | "command" | "refused" | "refused-command" | "failing" | "failing-command" | "killed-command" | "rollback" | "rollback-in-build",
 *   content: Content,
 *   killAfterMs: number,
 * }} Action
 */

/**
 * The publisher's actions in one of its lives.
 *
 * @param {string} seed
 * @param {number} life
 * @returns {Generator<Action, never>}
 */
export function* publisherActions(seed, life) {
  const random = randomFrom(`${seed} publisher ${life}`);
  for (let tag = life * tagsOfLife + 1; ; tag += 1) {
    const kind = random.pick({
      function: 34,
      command: 22,
      refused: 5,
      "refused-command": 3,
      failing: 4,
      "failing-command": 4,
      "killed-command": 6,
      rollback: 10,
      "rollback-in-build": 6,
    });
    const refused = kind.startsWith("refused");
    yield { kind, content: contentOf(random, { tag, refused }), killAfterMs: random.between(0, 150) };
  }
}

/**
 * What comes by beside the publisher: the command line, which waits for the publisher's lock or is locked out, and writers that are not ours.
 * Some get SIGKILL.
 *
 * @typedef {{
 *   kind: "waiting-publish" | "publish" | "rollback" | "foreign",
 *   content: Content,
 *   pauseMs: number,
 *   killAfterMs: number | undefined,
 * }} Visit
 */

/**
 * @param {string} seed
 * @returns {Generator<Visit, never>}
 */
export function* visits(seed) {
  const random = randomFrom(`${seed} visits`);
  for (let tag = visitorTags; ; tag += 1) {
    const kind = random.pick({ "waiting-publish": 4, publish: 3, rollback: 2, foreign: 4 });
    const content = contentOf(random, { tag, refused: false });
    const killed = random.fraction() < 0.25;
    yield { kind, content, pauseMs: random.between(1000, 6000), killAfterMs: killed ? random.between(0, 900) : undefined };
  }
}

/**
 * @param {import("./random.mjs").Random} random
 * @param {{ tag: number, refused: boolean }} build
 * @returns {Content}
 */
function contentOf(random, { tag, refused }) {
  const orders = refused ? random.between(ordersMax + 1, ordersMax + 500) : random.between(1, ordersMax);
  return { tag, orders, items: random.between(1, 4000) };
}
