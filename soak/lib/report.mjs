// @ts-check
/** What a soak says at its end, to people and to docs/proof.md. */

/** @typedef {import("../checker/summary.mjs").Summary} Summary */
/** @typedef {import("../checker/facts.mjs").Violation} Violation */

/** Violations that are printed in full; all are counted. */
const violationsShown = 10;

/**
 * @param {Summary} summary
 * @param {readonly Violation[]} violations
 */
export function renderSummary(summary, violations) {
  const figures = [
    ["publishes", `${summary.publishes}, ${summary.lockedOut} more locked out by another`],
    ["rollbacks", `${summary.rollbacks}, ${summary.nothingToGoBackTo} more had nothing to go back to`],
    ["refusals and failures", `${summary.refused} builds refused, ${summary.failed} failed`],
    ["foreign switches", `${summary.foreign}, ${summary.foundForeign} operations stopped by one, ${summary.adoptions} adoptions`],
    [
      "kills",
      `${summary.killedPublishers} publishers, ${summary.killedVisitors} other writers, ${summary.killedReaders} readers; ${summary.halts} stops`,
    ],
    ["unknown outcomes", `${summary.unknown} operations, ${summary.unknownSwitches} of them switched`],
    [
      "requests",
      `${summary.requests} by ${summary.readers} readers, the slowest ${summary.slowestMs} ms, ${summary.waitedOut} waited in vain`,
    ],
    ["switches seen", String(summary.switchesSeen)],
    ["longest gap", `${summary.longestGapMs} ms without a new answer`],
    ...summary.memory.map(({ life, low, high, lastHalfSlope }) => [
      `memory of ${life}`,
      `${megabytes(low)} to ${megabytes(high)} MB, last half ${(lastHalfSlope * 100).toFixed(1)} %`,
    ]),
    ...summary.descriptors.map(({ life, before, after }) => [
      `descriptors of ${life}`,
      `${before} at the start, ${after} at the end`,
    ]),
    ["violations", String(violations.length)],
  ];
  const width = Math.max(...figures.map(([name = ""]) => name.length));
  return figures.map(([name = "", value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

/** @param {number} bytes */
function megabytes(bytes) {
  return Math.round(bytes / 1e6);
}

/**
 * The first violations with their lines, and how many there are by rule.
 *
 * @param {readonly Violation[]} violations
 */
export function renderViolations(violations) {
  const shown = violations.slice(0, violationsShown).map(({ rule, message, lines }) => {
    const quoted = lines.slice(0, 4).map((line) => `    ${JSON.stringify(line)}\n`);
    return `${rule}: ${message}\n${quoted.join("")}`;
  });
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { rule } of violations) counts.set(rule, (counts.get(rule) ?? 0) + 1);
  return `${shown.join("")}${[...counts].map(([rule, count]) => `${rule}: ${count}\n`).join("")}`;
}

/**
 * The rows of docs/proof.md, in the shape of test/proof/ledger.ts. The words are the same in every run.
 *
 * @param {Summary} summary
 */
export function proofRows(summary) {
  return [
    {
      operation: "publishes every 200 ms, from functions and from commands",
      fault: "kill -9 of the publisher and of its commands, at any time and in each phase",
      outcome: "each happened wholly or not at all; every acknowledged version is in the history, and versions rise",
      count: summary.publishes,
    },
    {
      operation: "publishes and rollbacks by the command line, beside the publisher",
      fault: "a held lock, kill -9",
      outcome: "waited, or locked out with exit 11",
      count: summary.besides + summary.lockedOut,
    },
    {
      operation: "rollbacks, some while a build is under way",
      fault: "kill -9",
      outcome: "the release that was active before, under a new version",
      count: summary.rollbacks,
    },
    {
      operation: "builds that a check refuses and builds that fail",
      fault: "kill -9",
      outcome: "in no answer",
      count: summary.refused + summary.failed,
    },
    {
      operation: "switches by a foreign writer, then adopt",
      fault: "kill -9 of the writer",
      outcome: "served; publish and rollback stop with exit 12 until it is adopted",
      count: summary.foreign,
    },
    {
      operation: "requests of eight readers in four processes",
      fault: "SIGSTOP, kill -9, readers that are opened and closed",
      outcome: "each is whole, of the release that it names, not older than what was acknowledged before it; none failed",
      count: summary.requests,
    },
    {
      operation: "processes killed while they wrote or read",
      fault: "kill -9",
      outcome: "the next one works at once",
      count: summary.killedPublishers + summary.killedVisitors + summary.killedReaders,
    },
  ];
}
