// @ts-check
/** @typedef {import("../lib/lines.mjs").Line} Line */
/** @typedef {import("../lib/lines.mjs").Invoke} Invoke */
/** @typedef {import("../lib/lines.mjs").Outcome} Outcome */
/** @typedef {import("../lib/lines.mjs").Answer} Answer */
/** @typedef {import("../lib/lines.mjs").Opened} Opened */

/**
 * A line of the store's own history, as far as the checker looks at it.
 *
 * @typedef {{ id: number, type: string, release?: string, version?: number, reason?: string }} HistoryLine
 */

/** @typedef {{ rule: string, message: string, lines: readonly unknown[] }} Violation */

/**
 * An operation; without an outcome it is not known whether it happened.
 *
 * @typedef {{ invoke: Invoke, outcome: Outcome | undefined }} Operation
 */

/** @typedef {{ invoke: Invoke, outcome: Outcome & { release: string, version: number } }} Acknowledged */

/**
 * What was written down, in the order in which the rules need it.
 *
 * @param {readonly Line[]} lines
 * @param {readonly HistoryLine[]} history
 */
export function factsOf(lines, history) {
  const outcomes = new Map(ofKind(lines, "outcome").map((line) => [line.id, line]));
  /** @type {Operation[]} */
  const operations = ofKind(lines, "invoke").map((invoke) => ({ invoke, outcome: outcomes.get(invoke.id) }));
  const unknown = operations.filter(({ outcome }) => outcome === undefined);
  const acknowledged = operations.filter(isAcknowledged);
  return {
    lines,
    history,
    operations,
    acknowledged,
    /** Those that may have happened: killed, and not meant to be refused or to fail. */
    perhaps: unknown.filter(({ invoke }) => invoke.allowed.includes("ok")),
    answers: ofKind(lines, "answer"),
    opened: new Map(ofKind(lines, "opened").map((line) => [readerOf(line), line])),
    builds: new Map(
      operations.flatMap((operation) => (operation.invoke.tag === undefined ? [] : [[operation.invoke.tag, operation]])),
    ),
    killed: new Set(ofKind(lines, "killed").map(lifeOf)),
    switches: history.flatMap(({ type, release = "", version = -1, reason = "" }) =>
      type === "release.switched" ? [{ release, version, reason }] : [],
    ),
  };
}

/** @typedef {ReturnType<typeof factsOf>} Facts */

/**
 * Lines of one kind.
 *
 * @template {Line["event"]} Event
 * @param {readonly Line[]} lines
 * @param {Event} event
 */
export function ofKind(lines, event) {
  return lines.filter((line) => line.event === event).map((line) => /** @type {Extract<Line, { event: Event }>} */ (line));
}

/**
 * One life of a process.
 *
 * @param {{ process: string, life: number }} line
 */
export function lifeOf({ process, life }) {
  return `${process}.${life}`;
}

/**
 * One reader in one life of its process.
 *
 * @param {{ process: string, life: number, reader: string }} line
 */
export function readerOf(line) {
  return `${lifeOf(line)} ${line.reader}`;
}

/**
 * @param {Operation} operation
 * @returns {operation is Acknowledged}
 */
function isAcknowledged(operation) {
  const { outcome } = operation;
  return outcome?.result === "ok" && outcome.release !== undefined && outcome.version !== undefined;
}
