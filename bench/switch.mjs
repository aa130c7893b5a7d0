// @ts-check
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { buildFlights, writeConfiguration } from "./lib/data.mjs";
import { median, quantile } from "./lib/statistics.mjs";
import { durationRow, plainRow } from "./lib/table.mjs";

/** @typedef {{ pointer: string, publish: (build: (path: string) => Promise<void>) => Promise<void>, close: () => Promise<void> }} Writer */
/** @typedef {(folder: string, config: string) => Promise<Writer>} OpenWriter */
/** @typedef {import("./lib/reader-process.mjs").Answer} Answer */
/** @typedef {{ firstAnswerMs: number[], staleMs: number[], nearMs: number[] }} Measured */

const clients = 8;
/** Requests count as near a switch when they run within this time of it. Milliseconds. */
const nearMs = 500;
/** Rest between two publishes, so that no request is near two switches. Milliseconds. */
const restMs = 2 * nearMs;
const coldOpenGoal = 5;
const peerGoal = 1.1;

const readerFile = fileURLToPath(new URL("lib/reader-process.mjs", import.meta.url));
const coldOpenFile = fileURLToPath(new URL("lib/cold-open.mjs", import.meta.url));

/**
 * How long a switch takes as readers see it, and what it costs requests near it; beside a home-made form that does the
 * same job, in blocks that alternate.
 *
 * @type {import("./run.mjs").Bench}
 */
export async function run({ ci, folder, log }) {
  const prepared = join(folder, "flights.duckdb");
  await buildFlights(prepared, 1);
  await execute(prepared, "CREATE TABLE build AS SELECT 0 AS number");
  const coldOpen = median(JSON.parse(execFileSync(process.execPath, [coldOpenFile, prepared, "15"], { encoding: "utf8" })));

  const ours = empty();
  const theirs = empty();
  const measured = { lockkeeper: ours, "attach-or-replace": theirs };
  const [blocks, switches] = ci ? [2, 6] : [4, 12];
  for (let block = 0; block < blocks; block++) {
    for (const [peer, all] of Object.entries(measured)) {
      const home = join(folder, `${peer}-${block}`);
      mkdirSync(home);
      const one = await measureBlock({ peer, home, prepared, switches });
      for (const name of /** @type {const} */ (["firstAnswerMs", "staleMs", "nearMs"])) all[name].push(...one[name]);
      log(`switch: ${peer}, block ${block + 1} of ${blocks}, first answer p50 ${median(one.firstAnswerMs).toFixed(1)} ms`);
    }
  }
  return { rows: compare(ours, theirs, coldOpen) };
}

/**
 * @param {Measured} ours
 * @param {Measured} theirs
 * @param {number} coldOpen
 */
function compare(ours, theirs, coldOpen) {
  const lone = "a lone cold open and first query";
  const peer = "ATTACH OR REPLACE of a new file name";
  /** @type {(keyof Measured)[]} */
  const measures = ["firstAnswerMs", "staleMs", "nearMs"];
  const names = { firstAnswerMs: "first new answer", staleMs: "last old answer", nearMs: "request near a switch" };
  const shares = [0.5, 0.99];
  const rows = shares.map((share) => {
    const measure = `first new answer, p${share * 100}`;
    return durationRow(
      { bench: "switch", measure, ours: quantile(ours.firstAnswerMs, share), theirs: coldOpen, against: lone },
      coldOpenGoal,
    );
  });
  for (const name of measures) {
    for (const share of shares) {
      const times = { ours: quantile(ours[name], share), theirs: quantile(theirs[name], share) };
      const row = { bench: "switch", measure: `${names[name]}, p${share * 100}`, ...times, against: peer };
      // The first new answer has its goal above; beside the peer it is told for information.
      rows.push(name === "firstAnswerMs" ? plainRow(row) : durationRow(row, peerGoal));
    }
  }
  return rows;
}

/**
 * One reader process under load and a number of publishes.
 *
 * @param {{ peer: string, home: string, prepared: string, switches: number }} block
 * @returns {Promise<Measured>}
 */
async function measureBlock({ peer, home, prepared, switches }) {
  const peerFile = fileURLToPath(new URL(`peers/${peer}.mjs`, import.meta.url));
  const { openWriter } = await import(peerFile);
  const writer = await /** @type {OpenWriter} */ (openWriter)(home, writeConfiguration(home));
  /** @param {number} number */
  const publish = async (number) => {
    await writer.publish(async (path) => {
      copyFileSync(prepared, path);
      await execute(path, `UPDATE build SET number = ${number}`);
    });
    return { number, at: Number(statSync(writer.pointer, { bigint: true }).ctimeNs) / 1e6 };
  };
  await publish(0);
  // More libuv workers than clients, for both: each query of the driver occupies one.
  const reader = fork(readerFile, [peerFile, home, String(clients)], { env: { ...process.env, UV_THREADPOOL_SIZE: "16" } });
  try {
    await message(reader, "ready");
    /** @type {{ number: number, at: number }[]} */
    const switched = [];
    for (let number = 1; number <= switches; number++) {
      await pause(restMs);
      switched.push(await publish(number));
    }
    await pause(restMs);
    const told = message(reader, "answers");
    reader.send({ type: "stop" });
    const { answers, failures } = await told;
    if (failures.length > 0) throw new Error(`${peer}: ${failures.length} requests failed: ${failures[0]}`);
    return evaluate(answers, switched);
  } finally {
    reader.kill("SIGKILL");
    await writer.close();
  }
}

/**
 * @param {Answer[]} answers
 * @param {{ number: number, at: number }[]} switched
 * @returns {Measured}
 */
export function evaluate(answers, switched) {
  const result = empty();
  for (const { number, at } of switched) {
    const fresh = answers.filter(([, , build]) => build >= number).map(([, endedAt]) => endedAt);
    const old = answers.filter(([, endedAt, build]) => build < number && endedAt > at).map(([, endedAt]) => endedAt);
    if (fresh.length === 0) throw new Error(`no answer of build ${number} was seen`);
    result.firstAnswerMs.push(Math.max(0, smallest(fresh) - at));
    result.staleMs.push(old.length === 0 ? 0 : largest(old) - at);
    for (const [startedAt, endedAt] of answers) {
      if (endedAt >= at - nearMs && startedAt <= at + nearMs) result.nearMs.push(endedAt - startedAt);
    }
  }
  return result;
}

/**
 * The next message of that type; throws when the process ends without it.
 *
 * @param {import("node:child_process").ChildProcess} child
 * @param {string} type
 * @returns {Promise<any>}
 */
async function message(child, type) {
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`a reader process of the bench ended with exit ${code}`);
  });
  const [got] = await Promise.race([once(child, "message"), ended]);
  if (got.type !== type) throw new Error(`expected "${type}" of a reader process, got "${got.type}"`);
  return got;
}

/**
 * @param {string} path
 * @param {string} sql
 */
async function execute(path, sql) {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

/** @returns {Measured} */
function empty() {
  return { firstAnswerMs: [], staleMs: [], nearMs: [] };
}

/** @param {number[]} values */
function smallest(values) {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}

/** @param {number[]} values */
function largest(values) {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
