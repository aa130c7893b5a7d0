// @ts-check
import { whole } from "../../lib/screen.mjs";

/** @typedef {import("./without.mjs").Without} Without */
/** @typedef {import("./story.mjs").Step} Step */
/** @typedef {import("./traffic.mjs").LoadResult} LoadResult */
/** @typedef {import("./traffic.mjs").SwitchSeen} SwitchSeen */

/**
 * The demo's figures as one document, `lockkeeper/demo@1`.
 *
 * @param {{ steps: Step[], load: LoadResult, switches: SwitchSeen[], freshness: { dbVersion: number, lastDataLoadDate: string },
 *   rows: number, clients: number, seconds: number, loadSeconds: number, dir: string | undefined,
 *   etl: { runs: number, locked: number }, without: Without[] }} run
 */
export function summarize({ steps, load, switches, freshness, rows, clients, seconds, loadSeconds, dir, etl, without }) {
  const { requests, failed, mixed, lockErrors, backwards, outageMs, verified, unverified, p50Ms, p99Ms, failures, mismatches } =
    load;
  /** @param {Step["outcome"]} outcome */
  const count = (outcome) => steps.filter((step) => step.outcome === outcome).length;
  const versions = steps.flatMap((step) => step.version ?? []);
  const firstAnswers = switches
    .map((seen) => seen.firstAnswerMs)
    .filter(Number.isFinite)
    .toSorted((left, right) => left - right);
  const passed =
    verified > 0 && failed + mixed + lockErrors + backwards + unverified === 0 && freshness.dbVersion === versions.at(-1);
  return {
    schema: "lockkeeper/demo@1",
    outcome: passed ? "passed" : "failed",
    ...(dir && { dir }),
    rows,
    seconds: rounded(seconds),
    load: {
      clients,
      requests,
      perSecond: Math.round(requests / loadSeconds),
      p50Ms,
      p99Ms,
      verified,
      failed,
      mixed,
      lockErrors,
      backwards,
      unverified,
      outageMs,
    },
    versions: {
      first: versions[0],
      last: versions.at(-1),
      served: freshness.dbVersion,
      lastDataLoadDate: freshness.lastDataLoadDate,
    },
    counts: {
      switched: count("switched"),
      crashed: count("crashed"),
      refused: count("refused"),
      rolledBack: count("rolled-back"),
      killed: count("killed"),
    },
    firstAnswerMs: { median: firstAnswers[Math.floor(firstAnswers.length / 2)] ?? null, max: firstAnswers.at(-1) ?? null },
    steps,
    etl,
    without,
    ...(failures.length > 0 && { failures }),
    ...(mismatches.length > 0 && { mismatches }),
  };
}

/**
 * The summary for a terminal.
 *
 * @param {ReturnType<typeof summarize>} summary
 * @returns {string[]} lines
 */
export function renderSummary({ load, versions, counts, firstAnswerMs, seconds }) {
  const { switched, crashed, refused, rolledBack, killed } = counts;
  const entries = [
    [
      "requests",
      `${whole(load.requests)}  (${whole(load.perSecond)} a second, ${load.clients} clients; p50 ${load.p50Ms} ms, p99 ${load.p99Ms} ms)`,
    ],
    ["failed", `${load.failed}`],
    ["mixed answers", `${load.mixed}  (${whole(load.verified)} answers equal to the truth of the release they name)`],
    ["lock errors", `${load.lockErrors}`],
    ["older than seen", `${load.backwards}`],
    [
      "versions",
      `${versions.first} to ${versions.last}; the app serves ${versions.served}, data to ${versions.lastDataLoadDate}`,
    ],
    [
      "publishes",
      `${switched} switched · ${crashed} crashed · ${refused} refused · ${killed} killed · ${rolledBack} rolled back`,
    ],
    ["switch to answer", `median ${firstAnswerMs.median} ms, longest ${firstAnswerMs.max} ms, under load`],
    ["time", `${seconds} s`],
  ];
  return entries.map(([name, value]) => `  ${String(name).padEnd(18)}${value}`);
}

/**
 * The same load side by side: through Lockkeeper, and in the two forms without.
 *
 * @param {ReturnType<typeof summarize>} summary
 * @returns {string[]} lines
 */
export function renderComparison({ load, etl: runs, versions, without }) {
  const columns = [
    ["", "with Lockkeeper", "without: file held", "opened per request"],
    ["requests", whole(load.requests), ...without.map(({ requests }) => whole(requests))],
    ["failed", whole(load.failed), ...without.map(({ failed }) => whole(failed))],
    ["no answer for", inSeconds(load.outageMs), ...without.map(({ outageMs }) => inSeconds(outageMs))],
    ["runs of the ETL", `${runs.runs}`, ...without.map(({ etl }) => `${etl.runs}`)],
    ["got no lock", `${runs.locked}`, ...without.map(({ etl }) => `${etl.locked}`)],
    ["data end on", versions.lastDataLoadDate, ...without.map(({ lastDataLoadDate }) => lastDataLoadDate ?? "no answer")],
  ];
  return columns.map((cells) => `  ${cells.map((cell, index) => cell.padEnd(index === 0 ? 18 : 20)).join("")}`.trimEnd());
}

/** @param {number} ms */
function inSeconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** @param {number} value */
function rounded(value) {
  return Math.round(value * 10) / 10;
}
