// @ts-check

/**
 * What one request met: an answer, or an error. Wall-clock milliseconds.
 * @typedef {{ startedAt: number, endedAt: number, answer?: import("./question.mjs").Answer, error?: string }} Asked
 */
/** @typedef {{ number: number, at: number }} Switch the build's number and the moment it was in place */

/**
 * `mixed` counts answers of two builds, or with rows that no build has. `times` and `nearTimes` are of answered requests, all of them and those
 * that ran within 500 ms of a switch. `staleMs` has, for each switch, how long after it the last answer of an older build ended: until the end of
 * the measurement where no later build was ever seen, which `unseen` counts. `backwards` counts answers of an older build than one that had
 * ended before they were asked for.
 * @typedef {{ requests: number, failed: number, mixed: number, backwards: number, times: number[], nearTimes: number[],
 *   staleMs: number[], unseen: number, errors: string[] }} Counted
 */

const nearMs = 500;
const errorsKept = 5;

/**
 * @param {Asked[]} asked of one server, in any order
 * @param {{ switches: Switch[], rows: number }} context `rows`: what a whole answer counts
 * @returns {Counted}
 */
export function count(asked, { switches, rows }) {
  const result = nothing();
  result.requests = asked.length;
  /** @type {{ startedAt: number, endedAt: number, build: number }[]} */
  const answers = [];
  for (const { startedAt, endedAt, answer, error } of asked) {
    if (!answer || ![answer.investors, answer.filings, answer.rows].every(Number.isFinite)) {
      result.failed += 1;
      noteError(result.errors, error ?? `not an answer: ${JSON.stringify(answer)}`);
      continue;
    }
    if (answer.investors !== answer.filings || answer.rows !== rows) result.mixed += 1;
    answers.push({ startedAt, endedAt, build: Math.min(answer.investors, answer.filings) });
    result.times.push(endedAt - startedAt);
    if (switches.some(({ at }) => endedAt >= at - nearMs && startedAt <= at + nearMs)) result.nearTimes.push(endedAt - startedAt);
  }
  const lastAt = asked.reduce((last, { endedAt }) => Math.max(last, endedAt), 0);
  for (const { number, at } of switches) {
    const seen = answers.some(({ build }) => build >= number);
    if (!seen) result.unseen += 1;
    const old = answers.reduce((last, { build, endedAt }) => (build < number ? Math.max(last, endedAt) : last), at);
    result.staleMs.push((seen ? old : Math.max(at, lastAt)) - at);
  }
  result.backwards = countBackwards(answers);
  return result;
}

/** @returns {Counted} */
export function nothing() {
  return { requests: 0, failed: 0, mixed: 0, backwards: 0, times: [], nearTimes: [], staleMs: [], unseen: 0, errors: [] };
}

/**
 * @param {Counted} left
 * @param {Counted} right
 * @returns {Counted}
 */
export function together(left, right) {
  const errors = [...left.errors];
  for (const error of right.errors) noteError(errors, error);
  return {
    requests: left.requests + right.requests,
    failed: left.failed + right.failed,
    mixed: left.mixed + right.mixed,
    backwards: left.backwards + right.backwards,
    times: left.times.concat(right.times),
    nearTimes: left.nearTimes.concat(right.nearTimes),
    staleMs: left.staleMs.concat(right.staleMs),
    unseen: left.unseen + right.unseen,
    errors,
  };
}

/** @param {{ startedAt: number, endedAt: number, build: number }[]} answers */
function countBackwards(answers) {
  const byEnd = answers.toSorted((left, right) => left.endedAt - right.endedAt);
  let ended = 0;
  let newest = Number.NEGATIVE_INFINITY;
  let backwards = 0;
  for (const { startedAt, build } of answers.toSorted((left, right) => left.startedAt - right.startedAt)) {
    for (let next = byEnd[ended]; next !== undefined && next.endedAt < startedAt; next = byEnd[ended]) {
      newest = Math.max(newest, next.build);
      ended += 1;
    }
    if (build < newest) backwards += 1;
  }
  return backwards;
}

/**
 * A few different errors, for people.
 *
 * @param {string[]} errors
 * @param {string} error
 */
function noteError(errors, error) {
  if (errors.length < errorsKept && !errors.includes(error)) errors.push(error);
}
