// @ts-check
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { collect, lineOf, stop, withResolvers, within } from "../../lib/children.mjs";

/** @typedef {{ version: number, release: string, firstAnswerMs: number }} SwitchSeen */
/**
 * What the load counted.
 * @typedef {object} LoadCounts
 * @property {number} requests
 * @property {number} failed
 * @property {number} mixed answers that differ from the truth of the release they name
 * @property {number} lockErrors
 * @property {number} outageMs in which requests came and none was answered
 * @property {number} backwards answers older than one seen before the question was asked
 * @property {number} verified
 * @property {number} unverified answers of a release that nobody announced
 * @property {number} version
 * @property {string[]} failures the first few
 * @property {unknown[]} mismatches the first few
 */
/** @typedef {LoadCounts & { p50Ms: number, p99Ms: number }} LoadResult */

const appFile = fileURLToPath(new URL("../app.mjs", import.meta.url));
const loadFile = fileURLToPath(new URL("load.mjs", import.meta.url));

/** Longest wait for a process to start, or for a new version to be seen. Milliseconds. */
const waitMs = 30_000;

/**
 * Starts the app and the load, each a process of its own.
 *
 * @param {{ children: ReturnType<typeof import("../../lib/children.mjs").createChildren>, folder: string, storeDir: string,
 *   expectationFile: string, clients: number, env: NodeJS.ProcessEnv, onCounts: (counts: LoadCounts) => void,
 *   onLost: (error: Error) => void }} options
 */
export async function startTraffic({ children, folder, storeDir, expectationFile, clients, env, onCounts, onLost }) {
  const app = children.start([appFile], { cwd: folder, env: { ...env, FLIGHTS_DIR: storeDir, PORT: "0" }, ipc: true });
  const appErrors = collect(app.stderr);
  const url = await within(lineOf(app, /listening on (http:\S+)/), waitMs, "waiting for the app to listen");
  const load = children.start([loadFile, url, expectationFile, String(clients)], { cwd: folder, env, ipc: true });
  const loadErrors = collect(load.stderr);

  const seen = watchVersions(`${storeDir}/db_manifest.json`);
  const final = withResolvers();
  const state = { ending: false, failures: /** @type {string[]} */ ([]) };
  load.on("message", (/** @type {any} */ message) => {
    if (message.type === "counts") {
      state.failures = message.failures;
      onCounts(message);
    }
    if (message.type === "first") seen.add(message);
    if (message.type === "final") final.resolve(message);
  });
  for (const [name, child, errors] of /** @type {const} */ ([
    ["app", app, appErrors],
    ["load", load, loadErrors],
  ])) {
    child.once("exit", (code, signal) => {
      if (!state.ending) onLost(new Error(`the ${name} ended (${signal ?? `exit ${code}`}): ${errors().trim()}`));
    });
  }

  return {
    url,
    pid: app.pid,
    switches: seen.switches,
    /**
     * Says what a release holds, so that its answers can be judged.
     * @param {string} release
     * @param {number} months
     */
    announce: (release, months) => load.send({ type: "announce", release, months }),
    /** @param {number} version */
    reached: (version) =>
      within(seen.reached(version), waitMs, `waiting for an answer of version ${version}`).catch(
        (/** @type {unknown} */ cause) => {
          throw new Error([cause instanceof Error ? cause.message : String(cause), ...state.failures].join("\n  "), { cause });
        },
      ),
    /** Ends the load, hears its result, and asks the app how fresh it is before that ends too. */
    async end() {
      state.ending = true;
      load.send({ type: "stop" });
      /** @type {LoadResult} */
      const result = await within(final.promise, waitMs, "waiting for the load's result");
      const response = await fetch(`${url}/api/data-freshness`);
      const freshness = /** @type {{ dbVersion: number, lastDataLoadDate: string }} */ (await response.json());
      await stop(app);
      const appLockErrors = appErrors().match(/could not set lock|FILE_LOCKED/gi)?.length ?? 0;
      return { load: { ...result, lockErrors: Math.max(result.lockErrors, appLockErrors) }, freshness };
    },
  };
}

/**
 * Versions as the load saw them, each with the time from the manifest's replacement (its change time) to the first answer.
 * The one that was active when the load began was no switch.
 *
 * @param {string} manifestFile
 */
function watchVersions(manifestFile) {
  /** @type {SwitchSeen[]} */
  const switches = [];
  let isFirst = true;
  /** @type {{ version: number, resolve: (seen: SwitchSeen) => void }[]} */
  let waiting = [];
  return {
    switches,
    /** @param {{ version: number, release: string, at: number }} first */
    add({ version, release, at }) {
      const switchedAtMs = statSync(manifestFile).ctimeMs;
      const isLatest = JSON.parse(readFileSync(manifestFile, "utf8")).version === version;
      const seen = { version, release, firstAnswerMs: isLatest ? Math.max(0, Math.round(at - switchedAtMs)) : Number.NaN };
      if (!isFirst) switches.push(seen);
      isFirst = false;
      for (const waiter of waiting) if (version >= waiter.version) waiter.resolve(seen);
      waiting = waiting.filter((waiter) => version < waiter.version);
    },
    /**
     * @param {number} version
     * @returns {Promise<SwitchSeen>}
     */
    reached(version) {
      const seen = switches.find((one) => one.version >= version);
      if (seen) return Promise.resolve(seen);
      const { promise, resolve } = withResolvers();
      waiting.push({ version, resolve });
      return promise;
    },
  };
}
