// @ts-check
/** Rules about what comes before what. */
import { readerOf } from "./facts.mjs";

/** @typedef {import("./facts.mjs").Facts} Facts */
/** @typedef {import("./facts.mjs").Violation} Violation */

/**
 * The versions that a reader answers from never go back: every writer of a soak raises them.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function readersNeverGoBack({ answers }) {
  /** @type {Map<string, import("../lib/lines.mjs").Answer>} */
  const before = new Map();
  return answers.flatMap((answer) => {
    const reader = readerOf(answer);
    const previous = before.get(reader);
    before.set(reader, answer);
    if (previous === undefined || previous.version <= answer.version) return [];
    return [
      {
        rule: "goes-back",
        message: `${reader} answered from version ${answer.version} after ${previous.version}`,
        lines: [previous, answer],
      },
    ];
  });
}

/**
 * A strict reader's request that began after a version had been acknowledged is answered from that version or a newer one, unless it waited for as long
 * as its reader may.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function strictReadersAreFresh(facts) {
  const before = highestBefore(facts);
  return facts.answers.flatMap((answer) => {
    const opened = facts.opened.get(readerOf(answer));
    const known = before(answer.begin);
    if (opened?.freshness !== "strict" || known === undefined || answer.version >= known.outcome.version) return [];
    if (waitedOut(answer, opened.waitMs)) return [];
    const { version } = known.outcome;
    const lateMs = (answer.begin - known.outcome.at) / 1000;
    const message = `${readerOf(answer)} answered from version ${answer.version} a request that began ${lateMs} ms after version ${version} was acknowledged`;
    return [{ rule: "stale", message, lines: [known.outcome, answer] }];
  });
}

/**
 * Whether a request lasted as long as its reader may wait for a release.
 *
 * @param {import("../lib/lines.mjs").Answer} answer
 * @param {number} waitMs
 */
export function waitedOut({ begin, at }, waitMs) {
  return at - begin >= waitMs * 1000;
}

/**
 * No version is acknowledged twice, and one that was asked for after another had been acknowledged is higher.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function acknowledgedVersionsRise(facts) {
  const before = highestBefore(facts);
  /** @type {Map<number, import("./facts.mjs").Acknowledged>} */
  const owners = new Map();
  return facts.acknowledged.flatMap((operation) => {
    const { invoke, outcome } = operation;
    const other = owners.get(outcome.version);
    owners.set(outcome.version, operation);
    if (other !== undefined) {
      const message = `version ${outcome.version} was acknowledged to ${other.invoke.id} and to ${invoke.id}`;
      return [{ rule: "version-twice", message, lines: [other.outcome, outcome] }];
    }
    const known = before(invoke.at);
    if (known === undefined || known.outcome.version < outcome.version) return [];
    const message = `${invoke.id} was given version ${outcome.version} after version ${known.outcome.version} had been acknowledged`;
    return [{ rule: "version-order", message, lines: [known.outcome, invoke, outcome] }];
  });
}

/**
 * The highest version that was acknowledged before a time.
 *
 * @param {Facts} facts
 */
function highestBefore({ acknowledged }) {
  const sorted = acknowledged.toSorted((left, right) => left.outcome.at - right.outcome.at);
  /** @type {import("./facts.mjs").Acknowledged[]} */
  const highest = [];
  for (const operation of sorted) {
    const top = highest.at(-1);
    highest.push(top === undefined || operation.outcome.version > top.outcome.version ? operation : top);
  }
  return (/** @type {number} */ time) => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((sorted[middle]?.outcome.at ?? Infinity) < time) low = middle + 1;
      else high = middle;
    }
    return highest[low - 1];
  };
}
