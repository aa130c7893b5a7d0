// @ts-check
/** What a soak did, in figures. */
import { factsOf, lifeOf, ofKind, readerOf } from "./facts.mjs";
import { memoryOf } from "./memory.mjs";
import { waitedOut } from "./order.mjs";

/**
 * @param {{ lines: readonly import("./facts.mjs").Line[], history: readonly import("./facts.mjs").HistoryLine[] }} written
 */
export function summarize({ lines, history }) {
  const { acknowledged, operations, answers, opened, switches } = factsOf(lines, history);
  const ok = (/** @type {string} */ kind) => acknowledged.filter(({ invoke }) => invoke.kind === kind).length;
  const ended = (/** @type {string} */ result) => operations.filter(({ outcome }) => outcome?.result === result).length;
  const killed = ofKind(lines, "killed");
  const killedOf = (/** @type {RegExp} */ process) => killed.filter((line) => process.test(line.process)).length;
  const waited = answers.filter((answer) => waitedOut(answer, opened.get(readerOf(answer))?.waitMs ?? Infinity)).length;
  return {
    publishes: ok("publish"),
    rollbacks: ok("rollback"),
    /** By the command line, at the publisher's side. */
    besides: acknowledged.filter(({ invoke }) => invoke.process === "visitor" && invoke.kind !== "foreign").length,
    foreign: ok("foreign"),
    adoptions: ok("adopt"),
    refused: ended("refused"),
    failed: ended("BUILD_FAILED"),
    lockedOut: ended("BUILD_LOCKED") + ended("WRITER_LOCKED"),
    foundForeign: ended("FOREIGN_MANIFEST"),
    nothingToGoBackTo: ended("RELEASE_UNKNOWN"),
    killedPublishers: killedOf(/^publisher$/),
    killedVisitors: killedOf(/^visitor$/),
    killedReaders: killedOf(/^(?!publisher$|visitor$)/),
    halts: ofKind(lines, "stopped").length,
    unknown: operations.filter(({ outcome }) => outcome === undefined).length,
    unknownSwitches: switches.filter(({ version }) => !acknowledged.some(({ outcome }) => outcome.version === version)).length,
    requests: answers.length,
    readers: opened.size,
    switchesSeen: new Set(answers.map(({ version }) => version)).size,
    waitedOut: waited,
    longestGapMs: longestGapMs(answers),
    slowestMs: Math.round(answers.reduce((slowest, { begin, at }) => Math.max(slowest, at - begin), 0) / 1000),
    memory: memoryOf(lines),
    descriptors: ofKind(lines, "descriptors").map(({ before, after, ...line }) => ({ life: lifeOf(line), before, after })),
  };
}

/** @typedef {ReturnType<typeof summarize>} Summary */

/**
 * The longest time in which no reader at all answered.
 *
 * @param {readonly { at: number }[]} answers by time
 */
function longestGapMs(answers) {
  const gaps = answers.slice(1).map(({ at }, index) => at - (answers[index]?.at ?? at));
  return Math.round(gaps.reduce((longest, gap) => Math.max(longest, gap), 0) / 1000);
}
