// @ts-check
/**
 * One reader process under closed-loop load: `node reader-process.mjs PEER_MODULE FOLDER CLIENTS`. It asks until it is told
 * to stop, and then hands over what every request saw and when.
 */
import { pathToFileURL } from "node:url";

/** @typedef {(folder: string) => Promise<{ ask: () => Promise<number>, close: () => Promise<void> }>} OpenPeer */
/** @typedef {[startedAt: number, endedAt: number, build: number]} Answer wall-clock milliseconds; the build's number in the data */

const [peerFile = "", folder = "", clients = "8"] = process.argv.slice(2);
const { openPeer } = await import(pathToFileURL(peerFile).href);
const peer = await /** @type {OpenPeer} */ (openPeer)(folder);

const clockOffset = wallClockOffset();
/** @type {Answer[]} */
const answers = [];
/** @type {string[]} */
const failures = [];
const state = { stopping: false };
process.once("message", () => {
  state.stopping = true;
});
process.once("disconnect", () => process.exit(state.stopping ? 0 : 1));

const loops = Array.from({ length: Number(clients) }, () => loop());
process.send?.({ type: "ready" });
await Promise.all(loops);
await peer.close();
process.send?.({ type: "answers", answers, failures }, () => process.disconnect());

async function loop() {
  while (!state.stopping) {
    const startedAt = performance.now();
    try {
      const build = await peer.ask();
      answers.push([startedAt + clockOffset, performance.now() + clockOffset, build]);
    } catch (error) {
      failures.push(String(error));
      if (failures.length > 100) return;
    }
  }
}

/** What to add to `performance.now()` for a wall clock finer than `Date.now()`: taken at the edge of a millisecond. */
function wallClockOffset() {
  const before = Date.now();
  while (Date.now() === before);
  return Date.now() - performance.now();
}
