// @ts-check
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { emptyFilings, buildDuckdb } from "./data.mjs";
import { builderOf } from "./measure.mjs";
import { syncedBy } from "./power-cut.mjs";
import { openPublisher, startServer } from "./ways.mjs";

/** @typedef {import("./ways.mjs").Way} Way */
/** @typedef {import("./data.mjs").Source} Source */
/** @typedef {{ source: Source, folder: string, bin?: string | undefined }} Setting */

/**
 * A way with build 0 in place and its server started. `publish` puts another build in place, after `spoil` was at it, and resolves with what went
 * wrong, if anything did.
 * @typedef {object} Stage
 * @property {Way} way
 * @property {Source} source
 * @property {string} home
 * @property {import("./ways.mjs").Publisher} publisher
 * @property {import("./ways.mjs").Server} server
 * @property {(number: number, spoil?: (target: string) => unknown) => Promise<string | undefined>} publish
 */
/** @typedef {(stage: Stage) => Promise<string>} Probe resolves with what was seen, in a few words */

const walScript = fileURLToPath(new URL("leave-wal.mjs", import.meta.url));
/** How long a way has to show what it makes of a build: longer than the timers of those that have one. Milliseconds. */
const settleMs = 2500;
const looks = 10;
const heldMs = 4000;
const answerWithinMs = 10_000;

/** @type {Record<string, Probe>} */
const probes = {
  "broken build": async (stage) => {
    const error = await stage.publish(1, (target) => truncate(stage.way, target));
    return `${published(error)}; ${await seen(stage)}`;
  },
  "build without rows": async (stage) => {
    const error = await stage.publish(1, (target) => emptyFilings(stage.source, stage.way.data, target));
    return `${published(error)}; ${await seen(stage)}`;
  },
  "way back": async (stage) => {
    const before = hashes(stage);
    if ((await stage.publish(1)) !== undefined) return "nothing was published";
    const kept = [...before].some((hash) => hashes(stage).has(hash));
    if (!stage.publisher.rollback) return kept ? "by hand: the bytes are there" : "the bytes are gone";
    await stage.publisher.rollback();
    return `one command, ${kept ? "the same bytes" : "other bytes"}; ${await seen(stage)}`;
  },
  "request over three publishes": async (stage) => {
    if (stage.way.program !== undefined) return "not probed";
    const held = ask({ url: `${stage.server.address.url}?between=${heldMs}` });
    await pause(100);
    let count = 0;
    for (const number of [1, 2, 3]) {
      if ((await stage.publish(number)) === undefined) count += 1;
      // Another request, so that the reader moves.
      await ask(stage.server.address);
    }
    const answer = await held;
    if (typeof answer === "string") return `fails; ${count} of 3 published`;
    return `${answer.investors === answer.filings ? "whole" : "mixed"}; ${count} of 3 published`;
  },
  "leftover WAL": async (stage) => {
    if (stage.way.data !== "duckdb") return "not probed";
    copyFileSync(await leftWal(stage), `${stage.publisher.nextPath()}.wal`);
    const error = await stage.publish(1);
    return `${published(error)}; ${await seen(stage)}`;
  },
  "broken file in place": async (stage) => {
    const build = builderOf(stage.way, stage.source);
    const spoiled = async (/** @type {string} */ target) =>
      (await build(target, 1), truncate(stage.way, target));
    await (stage.publisher.force ?? stage.publisher.publish)(spoiled).catch(() => {});
    const answers = await seen(stage);
    const health = await ask({ url: stage.server.health });
    return `${answers}; health check: ${typeof health === "string" ? "sick" : "well"}`;
  },
};

/** The heads of the columns that `probeWay` fills. */
export const probeNames = ["made durable by a publish", ...Object.keys(probes)];

/**
 * What a way does when something goes wrong: one cell for each of `probeNames`.
 *
 * @param {Way} way
 * @param {Setting} setting
 * @returns {Promise<string[]>}
 */
export async function probeWay(way, { source, folder, bin }) {
  const cells = [syncedBy(way, { source, home: makeFolder(join(folder, `${way.name}-synced`)) })];
  for (const [index, probe] of Object.values(probes).entries()) {
    const home = makeFolder(join(folder, `${way.name}-probe-${index}`));
    const publisher = await openPublisher(way, home);
    const build = builderOf(way, source);
    await publisher.publish((target) => build(target, 0));
    const server = await startServer(way, home, bin);
    /** @type {Stage["publish"]} */
    const publish = async (number, spoil) => {
      try {
        await publisher.publish(async (target) => {
          await build(target, number);
          await spoil?.(target);
        });
      } catch (error) {
        return String(error);
      }
    };
    try {
      cells.push(await probe({ way, source, home, publisher, server, publish }));
    } finally {
      await server.stop();
      await publisher.close?.();
      rmSync(home, { recursive: true });
    }
  }
  return cells;
}

/** @param {string | undefined} error */
function published(error) {
  return error === undefined ? "published" : "not published";
}

/**
 * What is answered in the time after build 1 was put in place of build 0, in the order it was met.
 *
 * @param {Stage} stage
 */
async function seen({ server, source }) {
  /** @type {string[]} */
  const kinds = [];
  for (let look = 0; look < looks; look++) {
    const kind = kindOf(await ask(server.address), source.rows);
    if (kinds.at(-1) !== kind) kinds.push(kind);
    await pause(settleMs / looks);
  }
  return kinds.length > 3 ? `by turns ${[...new Set(kinds)].join(" and ")}` : kinds.join(", then ");
}

/**
 * @param {import("./question.mjs").Answer | string} answer
 * @param {number} rows that a whole answer counts
 */
function kindOf(answer, rows) {
  if (typeof answer === "string") return "requests fail";
  if (answer.rows !== rows || answer.investors !== answer.filings) return "wrong answers";
  return answer.investors === 0 ? "old answers" : "new answers";
}

/**
 * @param {import("./clients.mjs").Address} address
 * @returns {Promise<import("./question.mjs").Answer | string>} the error as a text
 */
async function ask({ url, method = "GET", body }) {
  try {
    const signal = AbortSignal.timeout(answerWithinMs);
    const response = await fetch(url, { method, signal, ...(body === undefined ? {} : { body }) });
    const text = await response.text();
    if (!response.ok) return text;
    if (!/^[[{]/.test(text)) return { investors: Number.NaN, filings: Number.NaN, rows: Number.NaN };
    const parsed = JSON.parse(text);
    return Array.isArray(parsed) ? parsed[0] : parsed;
  } catch (error) {
    return String(error);
  }
}

/**
 * @param {Way} way
 * @param {string} target
 */
function truncate({ data }, target) {
  const file = data === "parquet" ? join(target, "filings.parquet") : target;
  truncateSync(file, Math.floor(statSync(file).size / 2));
}

/**
 * SHA-256 of each data file of a way.
 *
 * @param {Stage} stage
 */
function hashes({ home }) {
  const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && /\.(?:duckdb|db|parquet)$/.test(entry.name) && !/^(?:investors\.|copy-)/.test(entry.name),
  );
  return new Set(
    files.map(({ parentPath, name }) =>
      createHash("sha256")
        .update(readFileSync(join(parentPath, name)))
        .digest("hex"),
    ),
  );
}

/**
 * A WAL that a killed process left beside another build's file: made once.
 *
 * @param {Stage} stage
 */
async function leftWal({ source }) {
  const path = join(source.folder, "killed.duckdb");
  if (!existsSync(`${path}.wal`)) {
    await buildDuckdb(source, path, 0);
    spawnSync(process.execPath, [walScript, path]);
  }
  return `${path}.wal`;
}

/** @param {string} path */
function makeFolder(path) {
  mkdirSync(path);
  return path;
}
