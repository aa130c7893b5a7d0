// @ts-check
/** The second act: the same load on an app that opens the one file that the ETL writes, without Lockkeeper. */
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { collect, lineOf, stop, withResolvers, within } from "../../lib/children.mjs";
import { whole } from "../../lib/screen.mjs";

/** @typedef {"held" | "request"} Form the file is opened once and held, or opened for each request */
/**
 * What came of one form.
 * @typedef {object} Without
 * @property {Form} form
 * @property {number} requests
 * @property {number} failed
 * @property {number} outageMs in which requests came and none was answered
 * @property {{ runs: number, locked: number, done: number }} etl runs, those that got no lock, those that wrote their months
 * @property {string | null} lastDataLoadDate as the app tells it at the end; `null` where it tells nothing any more
 */

const appFile = fileURLToPath(new URL("../shared-file.mjs", import.meta.url));
const etlFile = fileURLToPath(new URL("../etl.mjs", import.meta.url));
const loadFile = fileURLToPath(new URL("load.mjs", import.meta.url));

/** Longest wait for a process to start or to answer. Milliseconds. */
const waitMs = 30_000;

/**
 * How often an ETL is run at most that gets no lock. A file that is held is never free; one that is opened for each request is free between two of them, which the ETL
 * may hit or not.
 *
 * @type {Readonly<Record<Form, number>>}
 */
const tries = { held: 4, request: 12 };

/**
 * Runs both forms, one after the other, on a file with the first month, while the ETL is to bring the second.
 *
 * @param {{ children: ReturnType<typeof import("../../lib/children.mjs").createChildren>, screen: ReturnType<typeof import("../../lib/screen.mjs").createScreen>,
 *   folder: string, expectationFile: string, clients: number, env: NodeJS.ProcessEnv }} stage
 * @returns {Promise<Without[]>}
 */
export async function runWithout(stage) {
  const { screen } = stage;
  screen.line("\nAnd without Lockkeeper: the same load, the ETL writes the file that the app reads (shared-file.mjs)");
  const folder = join(stage.folder, "without");
  mkdirSync(folder);
  const january = join(folder, "january.duckdb");
  const first = await runEtl(stage, january, 1);
  if (first.code !== 0) throw new Error(`the ETL of the second act ended with exit ${first.code}: ${first.stderr.trim()}`);
  const results = [];
  for (const form of /** @type {const} */ (["held", "request"])) {
    const file = join(folder, `${form}.duckdb`);
    copyFileSync(january, file);
    screen.command(`FLIGHTS_FILE=flights.duckdb node shared-file.mjs ${form}`);
    const result = await runForm(stage, { form, file });
    results.push(result);
    tell(screen, result);
  }
  return results;
}

/**
 * @param {Parameters<typeof runWithout>[0]} stage
 * @param {{ form: Form, file: string }} what
 * @returns {Promise<Without>}
 */
async function runForm(stage, { form, file }) {
  const { children, folder, expectationFile, clients, env } = stage;
  const app = children.start([appFile, form], { cwd: folder, env: { ...env, FLIGHTS_FILE: file, PORT: "0" }, ipc: true });
  const url = await within(lineOf(app, /listening on (http:\S+)/), waitMs, "waiting for the app without Lockkeeper to listen");
  const load = children.start([loadFile, url, expectationFile, String(clients), "uncompared"], { cwd: folder, env, ipc: true });
  const loadErrors = collect(load.stderr);
  const answering = withResolvers();
  const final = withResolvers();
  load.on("message", (/** @type {any} */ message) => {
    if (message.type === "counts" && message.requests > message.failed) answering.resolve(undefined);
    if (message.type === "final") final.resolve(message);
  });
  const lost = new Promise((_resolve, reject) => {
    load.once("exit", (code) => reject(new Error(`the load ended with exit ${code}: ${loadErrors().trim()}`)));
  });
  lost.catch(() => {}); // it always ends; heard where that is too early
  await within(Promise.race([answering.promise, lost]), waitMs, "waiting for an answer without Lockkeeper");
  const etl = await retryEtl(stage, file, tries[form]);
  load.send({ type: "stop" });
  const { requests, failed, outageMs } = await within(
    Promise.race([final.promise, lost]),
    waitMs,
    "waiting for the load's result",
  );
  const lastDataLoadDate = await freshnessOf(url);
  await stop(app);
  return { form, requests, failed, outageMs, etl, lastDataLoadDate };
}

/**
 * The ETL, and again while it gets no lock.
 *
 * @param {Parameters<typeof runWithout>[0]} stage
 * @param {string} file
 * @param {number} most
 */
async function retryEtl(stage, file, most) {
  const etl = { runs: 0, locked: 0, done: 0 };
  while (etl.runs < most && etl.done === 0) {
    const { code, stderr } = await runEtl(stage, file, 2);
    etl.runs += 1;
    if (code === 0) etl.done += 1;
    else if (/could not set lock/i.test(stderr)) etl.locked += 1;
  }
  return etl;
}

/**
 * @param {Parameters<typeof runWithout>[0]} stage
 * @param {string} file
 * @param {number} months
 */
function runEtl({ children, folder, env }, file, months) {
  return children.run([etlFile, "--months", String(months)], { cwd: folder, env: { ...env, DUCKDB_PATH: file } });
}

/** @param {string} url */
async function freshnessOf(url) {
  try {
    const response = await fetch(`${url}/api/data-freshness`);
    const { lastDataLoadDate } = /** @type {{ lastDataLoadDate?: string }} */ (await response.json());
    return lastDataLoadDate ?? null;
  } catch {
    return null;
  }
}

/**
 * @param {ReturnType<typeof import("../../lib/screen.mjs").createScreen>} screen
 * @param {Without} result
 */
function tell(screen, { form, requests, failed, outageMs, etl, lastDataLoadDate }) {
  const opened = form === "held" ? "the app holds the file open" : "the app opens the file for each request";
  screen.line(
    `    ${opened}: ${whole(failed)} of ${whole(requests)} requests failed, ${(outageMs / 1000).toFixed(1)} s without an answer`,
  );
  const outcome = etl.done > 0 ? "then wrote its months" : "and gave up";
  screen.line(
    `    the ETL got no lock in ${etl.locked} of ${etl.runs} runs, ${outcome}; the data end on ${lastDataLoadDate ?? "no day that the app could tell"}`,
  );
}
