// @ts-check
/** Rules that compare what was told with the store's own history. */

/** @typedef {import("./facts.mjs").Facts} Facts */
/** @typedef {import("./facts.mjs").Violation} Violation */

/**
 * Every version of ours that was acknowledged, or seen by a reader, has its line with the same release; every refusal that was told has one, too.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function historyIsComplete(facts) {
  const { acknowledged, answers, switches, history, operations } = facts;
  const releases = new Map(switches.map(({ version, release }) => [version, release]));
  const overtaken = overtakenVersions(facts);
  const told = [...acknowledged.map(({ outcome }) => outcome), ...firstOfEachVersion(answers)];
  const ours = told.filter(({ release }) => !release.startsWith("v"));
  const missing = ours.flatMap((line) => {
    const recorded = releases.get(line.version);
    if (recorded === line.release || (recorded === undefined && overtaken.has(line.version))) return [];
    const has = recorded === undefined ? "has no line" : `has a line of ${recorded}`;
    return [{ rule: "not-recorded", message: `version ${line.version}, ${line.release}, ${has} in the history`, lines: [line] }];
  });
  const refused = operations.filter(({ outcome }) => outcome?.result === "refused").length;
  const recorded = history.filter(({ type }) => type === "release.refused").length;
  if (recorded >= refused) return missing;
  const message = `${refused} refusals were told, the history has ${recorded}`;
  return [...missing, { rule: "not-recorded", message, lines: [] }];
}

/**
 * Versions that nobody acknowledged and that another program's switch followed at once: a publisher that was killed between its switch and its line leaves the
 * manifest to tell of it, and that was replaced before the next of ours could read it.
 *
 * @param {Facts} facts
 */
function overtakenVersions({ acknowledged, answers }) {
  const outcomes = acknowledged.map(({ outcome }) => outcome);
  const known = new Set(outcomes.map(({ version }) => version));
  const foreign = [...outcomes, ...answers].filter(({ release }) => release.startsWith("v"));
  return new Set(foreign.map(({ version }) => version - 1).filter((version) => !known.has(version)));
}

/** @param {Facts["answers"]} answers */
function firstOfEachVersion(answers) {
  const versions = new Set();
  return answers.filter(({ version }) => {
    const isNew = !versions.has(version);
    versions.add(version);
    return isNew;
  });
}

/**
 * Lines are numbered without a gap, versions rise, and a rollback goes to a release that was active before.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function historyIsInOrder({ history, switches }) {
  const numbers = history.flatMap((line, index) =>
    line.id === index + 1
      ? []
      : [{ rule: "history-order", message: `line ${index + 1} of the history has number ${line.id}`, lines: [line] }],
  );
  const active = new Set();
  const order = switches.flatMap((line, index) => {
    const { release, version, reason } = line;
    const before = switches[index - 1];
    const knows = reason !== "rollback" || active.has(release);
    active.add(release);
    if (!knows)
      return [
        { rule: "history-order", message: `version ${version} went back to ${release}, which never was active`, lines: [line] },
      ];
    if (before === undefined || before.version < version) return [];
    return [{ rule: "history-order", message: `version ${version} follows version ${before.version}`, lines: [before, line] }];
  });
  return [...numbers, ...order];
}

/**
 * An operation that was killed happened wholly or not at all: a switch that nobody acknowledged is explained by one of them, each explains one at most,
 * and versions are missing from the history only where other programs took them.
 *
 * @param {Facts} facts
 * @returns {Violation[]}
 */
export function historyIsExplained(facts) {
  const { acknowledged, perhaps, switches } = facts;
  const known = new Set(acknowledged.map(({ outcome }) => outcome.version));
  const unexplained = ["publish", "rollback", "adopt"].flatMap((kind) => {
    const lines = switches.filter(({ version, reason }) => reason === kind && !known.has(version));
    const candidates = perhaps.filter(({ invoke }) => invoke.kind === kind);
    if (lines.length <= candidates.length) return [];
    const message = `${lines.length} switches of kind ${kind} were acknowledged to nobody; ${candidates.length} such operations were killed`;
    return [{ rule: "unexplained", message, lines }];
  });
  const recorded = new Set(switches.map(({ version }) => version));
  const overtaken = overtakenVersions(facts);
  const highest = Math.max(0, ...recorded);
  const missing = Array.from({ length: highest }, (_, index) => index + 1).filter(
    (version) => !recorded.has(version) && !known.has(version) && !overtaken.has(version),
  );
  const foreign = perhaps.filter(({ invoke }) => invoke.kind === "foreign");
  if (missing.length <= foreign.length) return unexplained;
  const message = `versions ${missing.join(", ")} were taken by nobody; ${foreign.length} writers that may have were killed`;
  return [...unexplained, { rule: "unexplained", message, lines: [] }];
}
