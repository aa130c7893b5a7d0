// @ts-check
/** Rules about the processes: what they may be told, how they may end, what they may keep. */
import { lifeOf, ofKind, readerOf } from "./facts.mjs";

/** @typedef {import("./facts.mjs").Facts} Facts */
/** @typedef {import("./facts.mjs").Violation} Violation */

/** How far the number of open descriptors may be from what it was at the start. */
const descriptorsMax = 2;

/**
 * No request fails, and none for a lock; no reader says that it cannot serve what is published.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function requestsNeverFail({ lines }) {
  const failed = ofKind(lines, "request-failed").map((line) => {
    const rule = /lock/i.test(`${line.code} ${line.message}`) ? "lock-error" : "request-failed";
    return { rule, message: `${readerOf(line)}: ${line.code}: ${line.message}`, lines: [line] };
  });
  const degraded = ofKind(lines, "degraded").map((line) => {
    return { rule: "degraded", message: `${readerOf(line)}: ${line.code}: ${line.message}`, lines: [line] };
  });
  return [...failed, ...degraded];
}

/**
 * An operation ends as it is meant to, or finds that another program has switched; it does not end silently unless its process was killed.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function operationsEndAsMeant({ operations, killed }) {
  const foreign = operations.filter(({ invoke, outcome }) => invoke.kind === "foreign" && (outcome?.result ?? "ok") === "ok");
  return operations.flatMap(({ invoke, outcome }) => {
    if (outcome === undefined) {
      const message = `${invoke.id} (${invoke.kind}) never ended, and nobody killed it`;
      return killed.has(lifeOf(invoke)) ? [] : [{ rule: "never-ended", message, lines: [invoke] }];
    }
    if (invoke.allowed.includes(outcome.result)) return [];
    if (outcome.result === "FOREIGN_MANIFEST" && foreign.some((other) => other.invoke.at < outcome.at)) return [];
    const message = `${invoke.id} (${invoke.kind}) ended as ${outcome.result}, not ${invoke.allowed.join(" or ")}: ${outcome.message ?? ""}`;
    return [{ rule: "unexpected-result", message, lines: [invoke, outcome] }];
  });
}

/**
 * No process ends by itself, and none but by its end.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function processesLive({ lines, killed }) {
  return ofKind(lines, "ended").flatMap((line) => {
    if (line.code === 0 || killed.has(lifeOf(line))) return [];
    return [{ rule: "died", message: `${lifeOf(line)} ended with ${line.signal ?? `exit ${line.code}`}`, lines: [line] }];
  });
}

/**
 * A reader process has as many descriptors open at its end as at its start.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function descriptorsAreClosed({ lines }) {
  return ofKind(lines, "descriptors").flatMap((line) => {
    if (Math.abs(line.after - line.before) <= descriptorsMax) return [];
    const message = `${lifeOf(line)} had ${line.before} descriptors open at its start and ${line.after} at its end`;
    return [{ rule: "descriptors", message, lines: [line] }];
  });
}

/**
 * A soak in which nothing happened shows nothing.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function somethingHappened({ answers, acknowledged }) {
  if (answers.length > 0 && acknowledged.length > 0) return [];
  return [
    { rule: "empty", message: `${acknowledged.length} operations acknowledged, ${answers.length} requests answered`, lines: [] },
  ];
}
