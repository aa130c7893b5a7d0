// @ts-check
/** Rules about what one answer holds. */
import { sumOf } from "../lib/data.mjs";

/** @typedef {import("./facts.mjs").Facts} Facts */
/** @typedef {import("./facts.mjs").Violation} Violation */
/** @typedef {import("./facts.mjs").Operation} Operation */
/** @typedef {import("../lib/lines.mjs").Answer} Answer */

/**
 * Both queries of an answer speak of one build, and of all its rows.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function answersAreWhole({ answers, builds }) {
  return answers.flatMap((answer) => {
    const fault = faultIn(answer, builds);
    return fault === undefined ? [] : [{ rule: "whole-answer", message: fault, lines: [answer] }];
  });
}

/**
 * @param {Answer} answer
 * @param {Facts["builds"]} builds
 */
function faultIn({ orders, items }, builds) {
  const tags = new Set([orders.low, orders.high, items.low, items.high]);
  if (tags.size !== 1) return `builds ${[...tags].join(" and ")} in one answer`;
  const tag = orders.low;
  const invoke = builds.get(tag)?.invoke;
  if (invoke === undefined) return `nobody built ${tag}`;
  if (orders.rows !== invoke.orders || items.rows !== invoke.items)
    return `build ${tag} has ${invoke.orders} orders and ${invoke.items} items, the answer ${orders.rows} and ${items.rows}`;
  if (orders.sum !== sumOf(tag, orders.rows) || items.sum !== sumOf(tag, items.rows))
    return `sums that build ${tag} does not have`;
  return undefined;
}

/**
 * A build that was refused, that failed or that was told to be locked out is in no answer.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function onlyReleasesAreSeen({ answers, builds }) {
  return answers.flatMap((answer) => {
    const operation = builds.get(answer.orders.low);
    if (operation === undefined || mayBeOut(operation)) return [];
    const { invoke, outcome } = operation;
    const why = outcome === undefined ? `was to end as ${invoke.allowed.join(" or ")}` : `ended as ${outcome.result}`;
    return [{ rule: "never-out", message: `build ${invoke.tag} ${why} and is in an answer`, lines: [invoke, outcome, answer] }];
  });
}

/** @param {Operation} operation */
function mayBeOut({ invoke, outcome }) {
  return outcome === undefined ? invoke.allowed.includes("ok") : outcome.result === "ok";
}

/**
 * A release is the build that made it: the one that was acknowledged under its name, or, of a release that nobody acknowledged, one build whose
 * publisher was killed.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function releasesKeepTheirBuild(facts) {
  const tags = acknowledgedTags(facts);
  const found = new Set();
  return facts.answers.flatMap((answer) => {
    const tag = answer.orders.low;
    const { release } = answer;
    if (!tags.has(release) && mayHaveMade(facts, answer)) tags.set(release, tag);
    if (tags.get(release) === tag || found.has(`${release} ${tag}`)) return [];
    found.add(`${release} ${tag}`);
    const is = tags.has(release) ? `is build ${tags.get(release)}` : "was made by nobody who may have made it";
    return [{ rule: "right-release", message: `${release} ${is}; an answer has build ${tag} under that name`, lines: [answer] }];
  });
}

/**
 * Tags of the releases that were acknowledged.
 *
 * @param {Facts} facts
 * @returns {Map<string, number | undefined>}
 */
function acknowledgedTags({ acknowledged }) {
  const made = acknowledged.filter(({ invoke }) => invoke.tag !== undefined);
  const tags = new Map(made.map(({ invoke, outcome }) => [outcome.release, invoke.tag]));
  for (const { invoke, outcome } of acknowledged) {
    // A foreign release whose writer was killed has no tag yet: then the adopted one's is not known either.
    const tag = tags.get(outcome.from ?? "");
    if (invoke.kind === "adopt" && tag !== undefined) tags.set(outcome.release, tag);
  }
  return tags;
}

/**
 * Whether the answer's build may be the release that nobody acknowledged.
 *
 * @param {Facts} facts
 * @param {Answer} answer
 */
function mayHaveMade({ builds, perhaps, acknowledged }, { orders, release, version }) {
  const operation = builds.get(orders.low);
  if (operation === undefined) return false;
  const { kind } = operation.invoke;
  const open = perhaps.includes(operation);
  if (release.startsWith("v")) return kind === "foreign" && open && release.startsWith(`v${version}-`);
  if (kind === "publish") return open;
  const adopted = acknowledged.some(({ invoke, outcome }) => invoke.kind === "adopt" && outcome.release === release);
  return kind === "foreign" && (adopted || perhaps.some(({ invoke }) => invoke.kind === "adopt"));
}

/**
 * A version is one release, for everybody and for ever.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function versionsAreOneRelease({ acknowledged, switches, answers }) {
  /** @type {Map<number, string>} */
  const releases = new Map();
  const told = [...switches, ...acknowledged.map(({ outcome }) => outcome), ...answers];
  return told.flatMap((line) => {
    const known = releases.get(line.version) ?? line.release;
    releases.set(line.version, known);
    if (known === line.release) return [];
    return [{ rule: "one-release", message: `version ${line.version} is ${known}, and ${line.release}, too`, lines: [line] }];
  });
}
