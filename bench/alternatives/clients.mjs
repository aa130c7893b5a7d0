// @ts-check
/**
 * The clients, a process of their own: `node clients.mjs COUNT`, told by messages. `{ url, method, body }` begins; `{ stop: true }` ends,
 * and the process hands over what every request met. Each client keeps its connection and rests between two requests, so that a server
 * that refuses quickly is not asked more often than one that answers.
 */
import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

/** @typedef {{ url: string, method?: string, body?: string }} Address */
/** @typedef {import("./count.mjs").Asked} Asked */

const restMs = 10;
const timeoutMs = 5000;

const agent = new Agent({ keepAlive: true, maxSockets: Number(process.argv[2] ?? "8") });
const clockOffset = wallClockOffset();
/** @type {Asked[]} */
const asked = [];
/** @type {Address | undefined} */
let address;
const state = { stopping: false };
process.once("disconnect", () => process.exit(1));

process.on("message", (/** @type {Address | { stop: true }} */ message) => {
  if ("stop" in message) {
    state.stopping = true;
    return;
  }
  const first = address === undefined;
  address = message;
  if (first) void work();
});

async function work() {
  await Promise.all(Array.from({ length: agent.maxSockets }, loop));
  agent.destroy();
  process.send?.({ asked }, () => process.exit(0));
}

async function loop() {
  while (!state.stopping) {
    const startedAt = performance.now();
    const answer = await ask().catch((/** @type {unknown} */ error) => ({ error: String(error) }));
    const endedAt = performance.now();
    asked.push({ startedAt: startedAt + clockOffset, endedAt: endedAt + clockOffset, ...answer });
    await pause(restMs);
  }
}

/** @returns {Promise<Pick<Asked, "answer" | "error">>} */
function ask() {
  const { url = "", method = "GET", body } = address ?? {};
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, timeout: timeoutMs }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece) => (text += piece));
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode !== 200) return resolve({ error: `${response.statusCode}: ${text.slice(0, 300)}` });
        resolve(parse(text));
      });
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

/**
 * @param {string} text
 * @returns {Pick<Asked, "answer" | "error">}
 */
function parse(text) {
  try {
    const parsed = JSON.parse(text);
    // Datasette and ROAPI send a list with one row.
    return { answer: Array.isArray(parsed) ? parsed[0] : parsed };
  } catch {
    return { error: `no JSON: ${text.slice(0, 100)}` };
  }
}

/** What to add to `performance.now()` for a wall clock finer than `Date.now()`: taken at the edge of a millisecond. */
function wallClockOffset() {
  const before = Date.now();
  while (Date.now() === before);
  return Date.now() - performance.now();
}
