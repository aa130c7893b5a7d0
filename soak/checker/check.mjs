// @ts-check
/** The history checker: a pure function from what everybody wrote down to what must not be. */
import { answersAreWhole, onlyReleasesAreSeen, releasesKeepTheirBuild, versionsAreOneRelease } from "./answers.mjs";
import { factsOf } from "./facts.mjs";
import { memoryDoesNotGrow } from "./memory.mjs";
import { acknowledgedVersionsRise, readersNeverGoBack, strictReadersAreFresh } from "./order.mjs";
import { descriptorsAreClosed, operationsEndAsMeant, processesLive, requestsNeverFail, somethingHappened } from "./processes.mjs";
import { historyIsComplete, historyIsExplained, historyIsInOrder } from "./records.mjs";

const rules = [
  somethingHappened,
  answersAreWhole,
  onlyReleasesAreSeen,
  releasesKeepTheirBuild,
  versionsAreOneRelease,
  readersNeverGoBack,
  strictReadersAreFresh,
  acknowledgedVersionsRise,
  historyIsComplete,
  historyIsInOrder,
  historyIsExplained,
  requestsNeverFail,
  operationsEndAsMeant,
  processesLive,
  descriptorsAreClosed,
  memoryDoesNotGrow,
];

/**
 * Every violation, with the lines that show it. `lines` are what the processes wrote, by time; `history` is the store's own, from its beginning.
 *
 * @param {{ lines: readonly import("./facts.mjs").Line[], history: readonly import("./facts.mjs").HistoryLine[] }} written
 * @returns {import("./facts.mjs").Violation[]}
 */
export function checkHistory({ lines, history }) {
  const facts = factsOf(lines, history);
  return rules.flatMap((rule) => rule(facts));
}
