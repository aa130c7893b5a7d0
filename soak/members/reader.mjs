// @ts-check
/**
 * A process with readers. Each asks two queries on one borrowed release, again and again, and writes down what it saw. A passing reader is closed after some
 * requests and another is opened. What it takes is JSON in its first argument.
 */
import { readdirSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { queries } from "../lib/data.mjs";
import { libraryUrl } from "../lib/dist.mjs";
import { now, openLog } from "../lib/lines.mjs";
import { randomFrom } from "../lib/random.mjs";
import { openResidentProbe } from "../lib/resident.mjs";

/** @typedef {import("../driver/crew.mjs").ReaderPlan} ReaderPlan */
/** @typedef {import("../../src/index.ts").Reader} Reader */

const memoryEveryMs = 1000;

const { seed, member, life, logs, dir, basename, passing, readers: plans } = JSON.parse(process.argv[2] ?? "{}");
/** @type {{ openReader: typeof import("../../src/index.ts").openReader }} */
const { openReader } = await import(libraryUrl);
const log = openLog(logs, member, life);
const residentBytes = await openResidentProbe();
const random = randomFrom(`${seed} ${member} ${life}`);
const state = { stopping: false, serial: 0, opened: /** @type {Reader[]} */ ([]) };
const stop = new AbortController();
process.once("message", () => {
  state.stopping = true;
  stop.abort();
});
process.once("disconnect", () => process.exit(state.stopping ? 0 : 1));

const run = passing ? pass : stay;
await run();
process.disconnect();

/** Readers that stay open for the life of the process. */
async function stay() {
  const opened = await Promise.all(plans.map((/** @type {ReaderPlan} */ plan) => open(plan, plan.name)));
  state.opened = opened.flatMap((reader) => (reader === undefined ? [] : [reader]));
  /** @type {{ plan: ReaderPlan, reader: Reader | undefined }[]} */
  const loops = plans.map((/** @type {ReaderPlan} */ plan, /** @type {number} */ at) => ({ plan, reader: opened[at] }));
  for (const { plan, reader } of loops) await request(reader, plan.name);
  await atRest();
  const before = descriptors();
  const memory = sampleMemory();
  process.send?.({ ready: true });
  await Promise.all(
    loops.map(async ({ plan, reader }) => {
      while (!state.stopping) {
        await request(reader, plan.name);
        await pause(plan);
      }
      await request(reader, plan.name);
    }),
  );
  clearInterval(memory);
  await atRest();
  // Only the first life began before anything was published beside it.
  if (life === 0) tellDescriptors(before);
  await Promise.all(state.opened.map((reader) => reader.close()));
}

/** Readers that come and go. */
async function pass() {
  const [first] = plans;
  const reader = await open(first, `${first.name}.0`);
  await request(reader, `${first.name}.0`);
  await reader?.close();
  const before = descriptors();
  const memory = sampleMemory();
  process.send?.({ ready: true });
  await Promise.all(
    plans.map(async (/** @type {ReaderPlan} */ plan) => {
      while (!state.stopping) await comeAndGo(plan, `${plan.name}.${++state.serial}`);
    }),
  );
  clearInterval(memory);
  tellDescriptors(before);
}

/**
 * @param {ReaderPlan} plan
 * @param {string} name
 */
async function comeAndGo(plan, name) {
  const reader = await open(plan, name);
  const requests = random.between(0, 40);
  for (let count = 0; count < requests && !state.stopping; count += 1) {
    await request(reader, name);
    await pause(plan);
  }
  await reader?.close();
}

/**
 * @param {ReaderPlan} plan
 * @param {string} name
 * @returns {Promise<Reader | undefined>}
 */
async function open({ options }, name) {
  const begin = now();
  try {
    const reader = await openReader({ dir, basename, ...options });
    log({ event: "opened", reader: name, freshness: options.freshness, waitMs: options.waitMs });
    reader.on("degraded", ({ error: { code, message } }) => log({ event: "degraded", reader: name, code, message }));
    reader.on("warning", ({ message }) => log({ event: "warning", reader: name, message }));
    return reader;
  } catch (error) {
    tellFailure(name, begin, error);
    return undefined;
  }
}

/**
 * @param {Reader | undefined} reader
 * @param {string} name
 */
async function request(reader, name) {
  if (reader === undefined) return;
  const begin = now();
  try {
    const answer = await reader.borrow(async (held) => ({
      release: held.release,
      version: held.version,
      orders: seen(await held.query(queries.orders)),
      items: seen(await held.query(queries.items)),
    }));
    log({ event: "answer", reader: name, begin, ...answer });
  } catch (error) {
    tellFailure(name, begin, error);
  }
}

/**
 * @param {import("../../src/index.ts").ReaderRows} result
 * @returns {import("../lib/lines.mjs").Seen}
 */
function seen(result) {
  const [rows = -1, sum = -1, low = -1, high = -1] = (result.rows[0] ?? []).map(Number);
  return { rows, sum, low, high };
}

/**
 * @param {string} reader
 * @param {number} begin
 * @param {unknown} thrown
 */
function tellFailure(reader, begin, thrown) {
  const { code, message } = /** @type {Error & { code?: string }} */ (thrown);
  log({ event: "request-failed", reader, begin, code: code ?? "none", message });
}

/** @param {ReaderPlan} plan */
async function pause({ pauseMs: [low, high] }) {
  await wait(random.between(low, high), undefined, { signal: stop.signal }).catch(() => undefined);
}

/** What was replaced may still drain. */
async function atRest() {
  while (state.opened.some((reader) => reader.status().generations.length > 1)) await wait(20);
}

function sampleMemory() {
  const sample = async () => log({ event: "memory", bytes: await residentBytes() });
  return setInterval(() => void sample(), memoryEveryMs);
}

/** @param {number | undefined} before */
function tellDescriptors(before) {
  const after = descriptors();
  if (before !== undefined && after !== undefined) log({ event: "descriptors", before, after });
}

/** Open descriptors; `undefined` where the platform does not tell. */
function descriptors() {
  return process.platform === "linux" ? readdirSync("/proc/self/fd").length : undefined;
}
