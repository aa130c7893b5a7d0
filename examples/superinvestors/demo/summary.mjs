// @ts-check
import { whole } from "../../lib/screen.mjs";

/** @typedef {import("./story.mjs").Step} Step */
/** @typedef {import("./traffic.mjs").LoadResult} LoadResult */
/** @typedef {{ store: string, dbVersion: number, lastDataLoadDate: string }} Freshness */

/**
 * The demo's figures as one document.
 *
 * @param {{ size: string, weeks: number, rows: number, lastDay: string, python: { program: string } | { why: string },
 *   stores: import("./stores.mjs").Store[], steps: Step[], load: LoadResult, freshness: Freshness[], clients: number, seconds: number,
 *   loadSeconds: number, dir: string | undefined }} run
 */
export function summarize({
  size,
  weeks,
  rows,
  lastDay,
  python,
  stores,
  steps,
  load,
  freshness,
  clients,
  seconds,
  loadSeconds,
  dir,
}) {
  const { requests, failed, mixed, lockErrors, backwards, breaks, verified, unverified, p50Ms, p99Ms, failures, mismatches } =
    load;
  /** @param {Step["outcome"]} outcome */
  const count = (outcome) => steps.filter((step) => step.outcome === outcome).length;
  const firstAnswers = steps
    .flatMap((step) => step.firstAnswerMs ?? [])
    .filter(Number.isFinite)
    .toSorted((left, right) => left - right);
  const told = stores.map(({ name, how }) => {
    const versions = steps.flatMap((step) => (step.store === name && step.version !== undefined ? [step.version] : []));
    const served = freshness.find(({ store }) => store === name);
    return {
      store: name,
      how,
      requests: load.stores[name]?.requests ?? 0,
      version: versions.at(-1),
      served: served?.dbVersion,
      lastDataLoadDate: served?.lastDataLoadDate,
    };
  });
  const passed =
    verified === requests &&
    failed + mixed + lockErrors + backwards + unverified === 0 &&
    told.every((store) => store.requests > 0 && store.served === store.version && store.lastDataLoadDate === lastDay);
  return {
    schema: "superinvestors/demo@1",
    outcome: passed ? "passed" : "failed",
    ...(dir && { dir }),
    size,
    weeks,
    rows,
    seconds: rounded(seconds),
    python: "program" in python,
    ...("why" in python && { pythonMissing: python.why }),
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
      breaks,
    },
    counts: {
      switched: count("switched"),
      failed: count("failed"),
      refused: count("refused"),
      rolledBack: count("rolled-back"),
    },
    firstAnswerMs: { median: firstAnswers[Math.floor(firstAnswers.length / 2)] ?? null, max: firstAnswers.at(-1) ?? null },
    stores: told,
    steps,
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
export function renderSummary({ load, stores, counts, firstAnswerMs, seconds, pythonMissing }) {
  const { switched, failed, refused, rolledBack } = counts;
  const entries = [
    [
      "requests",
      `${whole(load.requests)}  (${whole(load.perSecond)} a second, ${load.clients} clients; p50 ${load.p50Ms} ms, p99 ${load.p99Ms} ms)`,
    ],
    ["failed", `${load.failed}`],
    ["mixed answers", `${load.mixed}  (${whole(load.verified)} answers equal to the truth of the release they name)`],
    ["lock errors", `${load.lockErrors}`],
    ["older than seen", `${load.backwards}`],
    ["publishes", `${switched} switched · ${failed} failed · ${refused} refused · ${rolledBack} rolled back`],
    ["switch to answer", `median ${firstAnswerMs.median} ms, longest ${firstAnswerMs.max} ms, under load`],
    ...stores.map(({ store, how, served, lastDataLoadDate }) => [
      store,
      `version ${served}, data to ${lastDataLoadDate}  (${how})`,
    ]),
    ...(pythonMissing === undefined ? [] : [["Python", `not tried: ${pythonMissing}`]]),
    ["time", `${seconds} s`],
  ];
  return entries.map(([name, value]) => `  ${String(name).padEnd(18)}${value}`);
}

/** @param {number} value */
function rounded(value) {
  return Math.round(value * 10) / 10;
}
