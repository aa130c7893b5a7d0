// @ts-check
import { join } from "node:path";
import { nothing, together } from "./alternatives/count.mjs";
import { makeSource } from "./alternatives/data.mjs";
import { measureBlock } from "./alternatives/measure.mjs";
import { probeNames, probeWay } from "./alternatives/probes.mjs";
import { pythonPrograms } from "./alternatives/python.mjs";
import { ways } from "./alternatives/ways.mjs";
import { median, quantile } from "./lib/statistics.mjs";

/** @typedef {import("./alternatives/ways.mjs").Way} Way */
/** @typedef {import("./alternatives/measure.mjs").Block} Block */
/** @typedef {import("./lib/table.mjs").Table} Table */

/** Whether several files can be put in place together: by what a way is, not by a probe. */
/** @type {Record<string, string>} */
const severalFiles = {
  "rename-counted": "no: a rename a file",
  "attach-or-replace": "two attached files do not move together",
  symlink: "if the link leads to a folder",
  roapi: "mixed, see above",
  lockkeeper: "DuckDB, Parquet and SQLite files, one switch",
};

/**
 * What readers meet while builds are put in place, for each way that people do it: the same builds, the same question over HTTP, the same
 * clients, in blocks that alternate. Then what a way does when something goes wrong.
 *
 * @type {import("./run.mjs").Bench}
 */
export async function run({ ci, folder, log, switches }) {
  const form = formOf({ ci, switches });
  const python = form.probes ? pythonPrograms(log) : undefined;
  const chosen = ways.filter(({ careful, program }) =>
    form.onlyCareful ? careful : program === undefined || python !== undefined,
  );
  const source = await makeSource(join(folder, "source"), { size: form.size, python: python?.python });
  const setting = { source, switches: Math.ceil(form.switches / form.rounds), restMs: form.restMs, bin: python?.bin };
  /** @type {Map<Way, Block[]>} */
  const measured = new Map(chosen.map((way) => [way, []]));
  for (let round = 0; round < form.rounds; round++) {
    for (const [way, blocks] of measured) {
      const block = await measureBlock(way, { home: join(folder, `${way.name}-${round}`), ...setting });
      blocks.push(block);
      log(`alternatives: ${way.title}, round ${round + 1} of ${form.rounds}: ${summary(block)}`);
    }
  }
  const tables = [numbersTable(measured, { rounds: form.rounds, folder })];
  if (form.probes) tables.push(await probesTable(chosen, { source, folder, bin: python?.bin, log }));
  return { rows: [], tables };
}

/** @typedef {{ size: "xs" | "s", switches: number, rounds: number, restMs: number, probes: boolean, onlyCareful: boolean }} Form */

/**
 * The usual form; a short one for CI, without the servers of others; and a long one of smaller builds, so that a thousand switches of the careful
 * forms and ours take a quarter of an hour. Between two publishes of the usual form no request is near two switches.
 *
 * @param {{ ci: boolean, switches?: number | undefined }} options
 * @returns {Form}
 */
function formOf({ ci, switches }) {
  if (switches !== undefined) return { size: "xs", switches, rounds: 10, restMs: 200, probes: false, onlyCareful: true };
  if (ci) return { size: "xs", switches: 2, rounds: 1, restMs: 500, probes: false, onlyCareful: false };
  return { size: "s", switches: 50, rounds: 5, restMs: 1000, probes: true, onlyCareful: false };
}

/**
 * @param {Way[]} chosen
 * @param {import("./alternatives/probes.mjs").Setting & { log: (text: string) => void }} setting
 * @returns {Promise<Table>}
 */
async function probesTable(chosen, { log, ...setting }) {
  /** @type {string[][]} */
  const lines = [];
  for (const way of chosen) {
    const line = [way.title, ...(await probeWay(way, setting)), severalFiles[way.name] ?? "one file"];
    log(`alternatives: ${line.join(" | ")}`);
    lines.push(line);
  }
  return { title: "What each does when something goes wrong", head: ["way", ...probeNames, "several files"], lines, notes: [] };
}

/** @param {Block} block */
function summary({ counted, publishes, refused, restarts }) {
  const errors = counted.errors.length > 0 ? `; ${counted.errors.join(" | ").slice(0, 400)}` : "";
  return `${counted.requests} requests, ${counted.failed} failed, ${counted.mixed} mixed, ${publishes} publishes, ${refused.length} not, ${restarts} restarts${errors}`;
}

/**
 * @param {Map<Way, Block[]>} measured
 * @param {{ rounds: number, folder: string }} setting
 * @returns {Table}
 */
function numbersTable(measured, { rounds, folder }) {
  const head = [
    "way",
    "requests",
    "failed",
    "mixed",
    "p99",
    "p99 near",
    "stale",
    "stale max",
    "publishes",
    "publish",
    "extra disk",
    "memory",
  ];
  /** @type {string[]} */
  const notes = [];
  const lines = [...measured].map(([way, blocks]) => {
    const counted = blocks.map((block) => block.counted).reduce(together, nothing());
    const done = sum(blocks.map(({ publishes }) => publishes));
    const refused = blocks.flatMap((block) => block.refused);
    const restarts = sum(blocks.map((block) => block.restarts));
    const short = (/** @type {string | undefined} */ text) => text?.replaceAll(folder, "").slice(0, 160);
    if (counted.errors.length > 0) notes.push(`${way.name}, failed: ${short(counted.errors[0])}`);
    if (refused.length > 0) notes.push(`${way.name}, not published: ${short(refused[0])}`);
    if (counted.unseen > 0) notes.push(`${way.name}: ${counted.unseen} builds that no answer showed before the block ended`);
    if (counted.backwards > 0) notes.push(`${way.name}: ${counted.backwards} answers older than one that had ended before`);
    if (restarts > 0) notes.push(`${way.name}: the server ended by itself and was started again ${restarts} times`);
    return [
      way.title,
      String(counted.requests),
      share(counted.failed, counted.requests),
      share(counted.mixed, counted.requests),
      milliseconds(quantile(counted.times, 0.99)),
      milliseconds(quantile(counted.nearTimes, 0.99)),
      milliseconds(median(counted.staleMs)),
      milliseconds(quantile(counted.staleMs, 1)),
      `${done} of ${done + refused.length}`,
      milliseconds(median(blocks.flatMap(({ publishMs }) => publishMs))),
      `${Math.max(...blocks.map(({ extraDisk }) => extraDisk)).toFixed(1)} ×`,
      megabytes(Math.max(...blocks.map((block) => block.peakBytes))),
    ];
  });
  return { title: `Builds put in place under load, ${rounds} rounds in turns`, head, lines, notes };
}

/** @param {number[]} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/**
 * @param {number} part
 * @param {number} whole
 */
function share(part, whole) {
  return part === 0 ? "0" : `${part} (${((100 * part) / whole).toPrecision(2)} %)`;
}

/** @param {number} value */
function milliseconds(value) {
  return Number.isNaN(value) ? "-" : `${Math.round(value)} ms`;
}

/** @param {number} bytes */
function megabytes(bytes) {
  return bytes === 0 ? "-" : `${Math.round(bytes / 1e6)} MB`;
}
