// @ts-check
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { count } from "./alternatives/count.mjs";
import { makeSource } from "./alternatives/data.mjs";
import { peakBytes, startLoad } from "./alternatives/measure.mjs";
import { ways } from "./alternatives/ways.mjs";
import { median, quantile } from "./lib/statistics.mjs";

/** @typedef {import("./alternatives/ways.mjs").Way} Way */
/** @typedef {import("./alternatives/publisher.mjs").Published} Published */

const publisherFile = fileURLToPath(new URL("alternatives/publisher.mjs", import.meta.url));
const publishes = 3;
/** An ETL that meets a lock gives up after a second; it is run again this often. */
const attemptsMax = 10;
const restMs = 2000;
const sampleMs = 100;

const head =
  "way|publishes|attempts|requests|failed|mixed|p99|stale max|build|seal|check|install and switch|app memory|publisher memory".split(
    "|",
  );

/**
 * The full size: eight million filed positions are built and put in place under load, in the file that the app reads and through Lockkeeper.
 *
 * @type {import("./run.mjs").Bench}
 */
export async function run({ folder, log }) {
  const startedAt = performance.now();
  const source = await makeSource(join(folder, "source"), { size: "full" });
  const made = `${(statSync(source.base).size / 1e6).toFixed(0)} MB, generated and loaded in ${seconds(performance.now() - startedAt)}`;
  log(`full: ${made}`);
  const lines = [];
  for (const name of ["shared-held", "shared-opened-per-request", "lockkeeper"]) {
    const way = ways.find((one) => one.name === name);
    if (!way) throw new Error(`there is no way named ${name}`);
    lines.push(await measure(way, { home: join(folder, name), source, log }));
  }
  const notes = [
    `one build: ${made}; ${source.rows} rows are counted and summed by each request`,
    "medians of the publishes that were done; memory is the most that was resident, of Lockkeeper's publisher without its hashing child",
  ];
  return { rows: [], tables: [{ title: "The full size, built under load", head, lines, notes }] };
}

/**
 * @param {Way} way
 * @param {{ home: string, source: import("./alternatives/data.mjs").Source, log: (text: string) => void }} setting
 * @returns {Promise<string[]>}
 */
async function measure(way, { home, source, log }) {
  mkdirSync(home);
  const publisher = fork(publisherFile, [way.name, home, JSON.stringify(source)]);
  /**
   * @param {number} number
   * @returns {Promise<Published>}
   */
  const publish = async (number) => {
    const told = once(publisher, "message");
    publisher.send(number);
    return (await told)[0];
  };
  const first = await publish(0);
  if (first.error !== undefined) throw new Error(`${way.title}: ${first.error}`);
  const load = await startLoad(way, home);
  let appBytes = 0;
  const sampling = setInterval(() => {
    appBytes = Math.max(appBytes, peakBytes(load.pid()));
  }, sampleMs);
  try {
    /** @type {Published[]} */
    const done = [];
    /** @type {import("./alternatives/count.mjs").Switch[]} */
    const switches = [];
    let attempts = 0;
    for (let number = 1; number <= publishes; number++) {
      await pause(restMs);
      for (let attempt = 1; attempt <= attemptsMax; attempt++) {
        attempts += 1;
        const published = await publish(number);
        if (published.at === undefined) continue;
        done.push(published);
        switches.push({ number, at: published.at });
        break;
      }
      log(`full: ${way.title}: ${done.length} of ${number} published, ${attempts} attempts`);
    }
    await pause(restMs);
    const counted = count(await load.stop(), { switches, rows: source.rows });
    for (const error of counted.errors) log(`full: ${way.title}: ${error.slice(0, 200)}`);
    return line(way, { counted, done, attempts, appBytes, publisherBytes: peakBytes(publisher.pid ?? 0) });
  } finally {
    clearInterval(sampling);
    await load.kill();
    publisher.disconnect();
  }
}

/**
 * @param {Way} way
 * @param {{ counted: import("./alternatives/count.mjs").Counted, done: Published[], attempts: number, appBytes: number, publisherBytes: number }} seen
 */
function line({ title }, { counted, done, attempts, appBytes, publisherBytes }) {
  const phase = (/** @type {string[]} */ names) =>
    seconds(median(done.map(({ phasesMs }) => names.reduce((sum, name) => sum + (phasesMs[name] ?? Number.NaN), 0))));
  const failed =
    counted.failed === 0 ? "0" : `${counted.failed} (${((100 * counted.failed) / counted.requests).toPrecision(2)} %)`;
  return [
    title,
    `${done.length} of ${publishes}`,
    String(attempts),
    String(counted.requests),
    failed,
    String(counted.mixed),
    seconds(quantile(counted.times, 0.99)),
    seconds(quantile(counted.staleMs, 1)),
    seconds(median(done.map(({ buildMs }) => buildMs))),
    phase(["seal"]),
    phase(["check"]),
    phase(["install", "switch"]),
    megabytes(appBytes),
    megabytes(publisherBytes),
  ];
}

/** @param {number} bytes */
function megabytes(bytes) {
  return bytes === 0 ? "-" : `${Math.round(bytes / 1e6)} MB`;
}

/** @param {number} ms */
function seconds(ms) {
  return Number.isNaN(ms) ? "-" : `${(ms / 1000).toFixed(2)} s`;
}
