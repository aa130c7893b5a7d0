// @ts-check
/**
 * The load: clients that each ask, wait for the answer, check it and ask again over kept-alive connections. Runs as its
 * own process; the driver says over the IPC channel what each release holds, and hears counts and first answers back.
 *
 *   node load.mjs BASE_URL EXPECTATION_FILE CLIENTS [uncompared]
 *
 * `uncompared`: an app whose answers name no release; a status of 200 is right.
 */
import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { get } from "../../lib/get.mjs";
import { createVerifier } from "../../lib/verifier.mjs";

const [base = "", expectationFile = "", clientsText = "8", mode = ""] = process.argv.slice(2);
/** @type {import("./truth.mjs").Expectation} */
const expectation = JSON.parse(readFileSync(expectationFile, "utf8"));
const verifier = createVerifier(expectation.truth);
const clients = Number(clientsText);
const agent = new Agent({ keepAlive: true, maxSockets: clients });

const lockText = /could not set lock|conflicting lock|FILE_LOCKED/i;
const tally = { requests: 0, failed: 0, lockErrors: 0, backwards: 0, outageMs: 0 };
/** @type {string[]} */
const failures = [];
/** @type {number[]} milliseconds */
const latencies = [];
let highestVersion = 0;
let answeredAt = performance.now();
/** Requests that failed since one was answered. */
let failedSince = 0;
const state = { stopping: false };
let next = 0;

process.on("message", (/** @type {{ type: string, release: string, months: number }} */ message) => {
  if (message.type === "announce") verifier.announce(message.release, message.months);
  if (message.type === "stop") state.stopping = true;
});
process.once("disconnect", () => process.exit(state.stopping ? 0 : 1));

const reporting = setInterval(() => process.send?.({ type: "counts", ...counts() }), 200);
await Promise.all(Array.from({ length: clients }, () => ask()));
clearInterval(reporting);
agent.destroy();
endOutage();
process.send?.({ type: "final", ...counts(), ...quantiles() }, () => process.disconnect());

/** One client: closed loop until told to stop. */
async function ask() {
  while (!state.stopping) {
    const url = expectation.urls[next++ % expectation.urls.length] ?? "/";
    const versionAtStart = highestVersion;
    const startedAt = performance.now();
    try {
      const { status, text } = await get(base + url, agent);
      latencies.push(performance.now() - startedAt);
      if (status !== 200) throw new Error(`${url}: HTTP ${status} ${text.slice(0, 200)}`);
      endOutage();
      if (mode === "uncompared") continue;
      const { release, version } = verifier.take(url, text);
      if (version < versionAtStart) tally.backwards += 1;
      if (version > highestVersion) {
        highestVersion = version;
        process.send?.({ type: "first", release, version, at: Date.now() });
      }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      tally.failed += 1;
      failedSince += 1;
      if (lockText.test(text)) tally.lockErrors += 1;
      if (failures.length < 5) failures.push(text);
      await pause();
    } finally {
      tally.requests += 1;
    }
  }
}

/** An outage is the time from an answer to the next where requests failed in between. */
function endOutage() {
  const now = performance.now();
  if (failedSince > 0) tally.outageMs += Math.round(now - answeredAt);
  failedSince = 0;
  answeredAt = now;
}

/** A server that is gone refuses at once: without a pause the loop would spin. */
function pause() {
  return new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
}

function counts() {
  return { ...tally, ...verifier.counts(), failures, version: highestVersion };
}

function quantiles() {
  const sorted = latencies.toSorted((left, right) => left - right);
  /** @param {number} share */
  const quantile = (share) => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10;
  return { p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}
