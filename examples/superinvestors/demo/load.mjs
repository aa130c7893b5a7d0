// @ts-check
/**
 * The load, a process of its own: clients that each ask one of the apps, wait for the answer, check it, rest a moment and ask again over kept-alive
 * connections; and for each app one that follows its stream of events, as the page does. The driver says over the IPC channel what
 * each release holds, and hears back counts, first answers and events.
 *
 *   node load.mjs EXPECTATION_FILE CLIENTS STORE=URL…
 */
import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { setTimeout as rest } from "node:timers/promises";
import { createClient } from "lockkeeper/client";
import { get } from "../../lib/get.mjs";
import { createVerifier } from "../../lib/verifier.mjs";

const [expectationFile = "", clientsText = "8", ...targets] = process.argv.slice(2);
/** @type {import("./truth.mjs").Expectation} */
const { urls, truth } = JSON.parse(readFileSync(expectationFile, "utf8"));
const clients = Number(clientsText);
const agent = new Agent({ keepAlive: true, maxSockets: clients });
const stores = targets.map((target) => {
  const [store = "", base = ""] = target.split(/=(.*)/s);
  return { store, base, verifier: createVerifier(truth), highestVersion: 0, requests: 0 };
});

/** Between two questions of a client. */
const restMs = 10;
const lockText = /could not set lock|conflicting lock|FILE_LOCKED/i;
const tally = { requests: 0, failed: 0, lockErrors: 0, backwards: 0, breaks: 0 };
/** @type {string[]} */
const failures = [];
/** @type {number[]} milliseconds */
const latencies = [];
const state = { stopping: false };
const ending = new AbortController();
let next = 0;

process.on("message", (/** @type {{ type: string, store: string, release: string, week: number }} */ message) => {
  if (message.type === "announce")
    stores.find(({ store }) => store === message.store)?.verifier.announce(message.release, message.week);
  if (message.type === "stop") state.stopping = true;
});
process.once("disconnect", () => process.exit(state.stopping ? 0 : 1));

const reporting = setInterval(() => process.send?.({ type: "counts", ...counts() }), 200);
const following = stores.map((target) => follow(target));
await Promise.all(Array.from({ length: clients }, () => ask()));
clearInterval(reporting);
ending.abort();
await Promise.all(following);
agent.destroy();
process.send?.({ type: "final", ...counts(), ...quantiles() }, () => process.disconnect());

/** One client: asks until told to stop, store after store and question after question. */
async function ask() {
  while (!state.stopping) {
    const turn = next++;
    const target = stores[turn % stores.length];
    const url = urls[Math.floor(turn / stores.length) % urls.length] ?? "/";
    if (!target) return;
    const versionAtStart = target.highestVersion;
    const startedAt = performance.now();
    try {
      const { status, text } = await get(target.base + url, agent);
      latencies.push(performance.now() - startedAt);
      if (status !== 200) throw new Error(`${target.store} ${url}: HTTP ${status} ${text.slice(0, 200)}`);
      const { release, version } = target.verifier.take(url, dataOf(target.store, text));
      if (version < versionAtStart) tally.backwards += 1;
      if (version > target.highestVersion) {
        target.highestVersion = version;
        process.send?.({ type: "first", store: target.store, release, version, at: Date.now() });
      }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      tally.failed += 1;
      if (lockText.test(text)) tally.lockErrors += 1;
      if (failures.length < 5) failures.push(text);
      // A server that is gone refuses at once: without a pause the loop would spin.
      await rest(50);
    }
    tally.requests += 1;
    target.requests += 1;
    await rest(restMs);
  }
}

/**
 * An answer without what is true of this moment or this app alone. It must be of the store that was asked.
 *
 * @param {string} store
 * @param {string} text
 */
function dataOf(store, text) {
  if (!text.includes('"lastDataLoadDate"')) return text;
  const { lastUpdated: _updated, active: _active, timestamp: _time, servingVersion, store: named, ...data } = JSON.parse(text);
  if (named !== store || servingVersion !== data.dbVersion) throw new Error(`${store}: the freshness is of another: ${text}`);
  return JSON.stringify(data);
}

/**
 * Tells the driver of each switch that the app's stream tells of.
 *
 * @param {{ store: string, base: string }} target
 */
async function follow({ store, base }) {
  const client = createClient({ url: `${base}/lockkeeper` });
  try {
    const onBreak = () => void (tally.breaks += 1);
    for await (const event of client.store(store).follow({ signal: ending.signal, onBreak })) {
      if (event.type === "release.switched") process.send?.({ type: "heard", store, version: event.version });
    }
  } catch (error) {
    if (ending.signal.aborted) return;
    tally.failed += 1;
    failures.push(`${store}: the stream of events: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function counts() {
  const judged = stores.map(({ verifier }) => verifier.counts());
  /** @param {"verified" | "mixed" | "unverified"} field */
  const sum = (field) => judged.reduce((total, one) => total + one[field], 0);
  return {
    ...tally,
    verified: sum("verified"),
    mixed: sum("mixed"),
    unverified: sum("unverified"),
    mismatches: judged.flatMap(({ mismatches }) => mismatches).slice(0, 3),
    failures,
    stores: Object.fromEntries(
      stores.map(({ store, requests, highestVersion }) => [store, { requests, version: highestVersion }]),
    ),
  };
}

function quantiles() {
  const sorted = latencies.toSorted((left, right) => left - right);
  /** @param {number} share */
  const quantile = (share) => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10;
  return { p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}
