// @ts-check
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { collect, lineOf, stop, withResolvers, within } from "../../lib/children.mjs";

/**
 * What the load counted.
 * @typedef {object} LoadCounts
 * @property {number} requests
 * @property {number} failed
 * @property {number} mixed answers that differ from the truth of the release they name
 * @property {number} lockErrors
 * @property {number} backwards answers older than one of the same store seen before the question was asked
 * @property {number} breaks of the streams of events
 * @property {number} verified
 * @property {number} unverified answers of a release that nobody announced
 * @property {string[]} failures the first few
 * @property {unknown[]} mismatches the first few
 * @property {Record<string, { requests: number, version: number }>} stores
 */
/** @typedef {LoadCounts & { p50Ms: number, p99Ms: number }} LoadResult */
/** @typedef {{ firstAnswerMs: number }} Seen milliseconds from the manifest's replacement to the first answer of the version */

const appFile = fileURLToPath(new URL("../app.mjs", import.meta.url));
const loadFile = fileURLToPath(new URL("load.mjs", import.meta.url));

/** Longest wait for a process to start, or for a new version to be seen. Milliseconds. */
const waitMs = 60_000;

/**
 * Starts an app for each store, and the load on all of them.
 *
 * @param {{ children: ReturnType<typeof import("../../lib/children.mjs").createChildren>, folder: string, stores: string[],
 *   expectationFile: string, clients: number, env: NodeJS.ProcessEnv, onCounts: (counts: LoadCounts) => void,
 *   onLost: (error: Error) => void }} options
 */
export async function startTraffic({ children, folder, stores, expectationFile, clients, env, onCounts, onLost }) {
  const apps = await Promise.all(
    stores.map(async (store) => {
      const app = children.start([appFile], { cwd: folder, env: { ...env, STORE: store, PORT: "0" }, ipc: true });
      const errors = collect(app.stderr);
      const url = await within(lineOf(app, /listening on (http:\S+)/), waitMs, `waiting for the app of ${store} to listen`);
      return { store, url, app, errors };
    }),
  );
  const load = children.start([loadFile, expectationFile, String(clients), ...apps.map(({ store, url }) => `${store}=${url}`)], {
    cwd: folder,
    env,
    ipc: true,
  });
  const loadErrors = collect(load.stderr);

  const seen = createWatch((store) => join(folder, "data", store, "db_manifest.json"));
  const final = withResolvers();
  const state = { ending: false, failures: /** @type {string[]} */ ([]) };
  load.on("message", (/** @type {any} */ message) => {
    if (message.type === "counts") {
      state.failures = message.failures;
      onCounts(message);
    }
    if (message.type === "first") seen.answered(message);
    if (message.type === "heard") seen.heard(message);
    if (message.type === "final") final.resolve(message);
  });
  for (const { name, child, told } of [
    ...apps.map(({ store, app, errors }) => ({ name: `app of ${store}`, child: app, told: errors })),
    { name: "load", child: load, told: loadErrors },
  ]) {
    child.once("exit", (code, signal) => {
      if (!state.ending) onLost(new Error(`the ${name} ended (${signal ?? `exit ${code}`}): ${told().trim()}`));
    });
  }

  return {
    apps: apps.map(({ store, url, app }) => ({ store, url, pid: app.pid })),
    /**
     * Says what a release holds, so that its answers can be judged.
     * @param {string} store
     * @param {string} release
     * @param {number} week
     */
    announce: (store, release, week) => load.send({ type: "announce", store, release, week }),
    /**
     * Waits for an answer of a version, and for the event that tells of it.
     * @param {string} store
     * @param {number} version
     * @returns {Promise<Seen>}
     */
    reached: (store, version) =>
      within(seen.reached(store, version), waitMs, `waiting for an answer and the event of ${store}, version ${version}`).catch(
        (/** @type {unknown} */ cause) => {
          throw new Error([cause instanceof Error ? cause.message : String(cause), ...state.failures].join("\n  "), { cause });
        },
      ),
    /** Ends the load, hears its result, asks each app how fresh it is, and ends the apps. */
    async end() {
      state.ending = true;
      load.send({ type: "stop" });
      /** @type {LoadResult} */
      const result = await within(final.promise, waitMs, "waiting for the load's result");
      const freshness = await Promise.all(
        apps.map(async ({ store, url }) => {
          const response = await fetch(`${url}/api/data-freshness`);
          const { dbVersion, lastDataLoadDate } = /** @type {{ dbVersion: number, lastDataLoadDate: string }} */ (
            await response.json()
          );
          return { store, dbVersion, lastDataLoadDate };
        }),
      );
      await Promise.all(apps.map(({ app }) => stop(app)));
      const appLockErrors = apps.flatMap(({ errors }) => errors().match(/could not set lock|FILE_LOCKED/gi) ?? []).length;
      return { load: { ...result, lockErrors: Math.max(result.lockErrors, appLockErrors) }, freshness };
    },
  };
}

/**
 * Who waits for a version of a store is told when the load has had an answer of it and has heard of it.
 *
 * @param {(store: string) => string} manifestFileOf
 */
function createWatch(manifestFileOf) {
  /** @type {Map<string, { answer: ReturnType<typeof withResolvers>, event: ReturnType<typeof withResolvers> }>} */
  const versions = new Map();
  /**
   * @param {string} store
   * @param {number} version
   */
  const versionOf = (store, version) => {
    const key = `${store} ${version}`;
    const known = versions.get(key) ?? { answer: withResolvers(), event: withResolvers() };
    versions.set(key, known);
    return known;
  };
  return {
    /** @param {{ store: string, version: number, at: number }} first */
    answered({ store, version, at }) {
      const file = manifestFileOf(store);
      const switchedAtMs = statSync(file).ctimeMs;
      const isLatest = JSON.parse(readFileSync(file, "utf8")).version === version;
      versionOf(store, version).answer.resolve(isLatest ? Math.max(0, Math.round(at - switchedAtMs)) : Number.NaN);
    },
    /** @param {{ store: string, version: number }} event */
    heard: ({ store, version }) => versionOf(store, version).event.resolve(undefined),
    /**
     * @param {string} store
     * @param {number} version
     * @returns {Promise<Seen>}
     */
    async reached(store, version) {
      const { answer, event } = versionOf(store, version);
      const [firstAnswerMs] = await Promise.all([answer.promise, event.promise]);
      return { firstAnswerMs };
    },
  };
}
