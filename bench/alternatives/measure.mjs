// @ts-check
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { count } from "./count.mjs";
import { buildDuckdb, buildParquet, buildSqlite } from "./data.mjs";
import { openPublisher, startServer } from "./ways.mjs";

/** @typedef {import("./ways.mjs").Way} Way */
/** @typedef {import("./data.mjs").Source} Source */

/**
 * One block of one way. `publishMs` is what a publish took without its build, `wholeMs` with it; `extraDisk` is the most that lay on disk beside
 * one build, as a multiple of it, deleted files that the server still holds open included; `peakBytes` is the server's memory.
 * @typedef {{ counted: import("./count.mjs").Counted, publishes: number, refused: string[], publishMs: number[], wholeMs: number[],
 *   extraDisk: number, peakBytes: number, restarts: number }} Block
 */

const clientsFile = fileURLToPath(new URL("clients.mjs", import.meta.url));
const clients = 8;
const sampleMs = 50;

/**
 * Writes builds of a way's kind.
 *
 * @param {Way} way
 * @param {Source} source
 * @returns {(target: string, number: number) => Promise<void>}
 */
export function builderOf({ data }, source) {
  if (data === "sqlite") return async (target, number) => buildSqlite(source, target, number);
  return (target, number) => (data === "duckdb" ? buildDuckdb : buildParquet)(source, target, number);
}

/**
 * One server under load and a number of publishes, all in a folder of its own.
 *
 * @param {Way} way
 * @param {{ home: string, source: Source, switches: number, restMs: number, bin?: string | undefined }} setting
 * @returns {Promise<Block>}
 */
export async function measureBlock(way, { home, source, switches, restMs, bin }) {
  mkdirSync(home);
  const build = builderOf(way, source);
  const publisher = await openPublisher(way, home);
  /** @type {Block} */
  const block = {
    counted: count([], { switches: [], rows: 0 }),
    publishes: 0,
    refused: [],
    publishMs: [],
    wholeMs: [],
    extraDisk: 0,
    peakBytes: 0,
    restarts: 0,
  };
  await publisher.publish((target) => build(target, 0));
  const oneBuild = bytesBelow(home);
  const load = await startLoad(way, home, bin);
  const sampling = setInterval(() => {
    block.extraDisk = Math.max(block.extraDisk, (bytesBelow(home) + bytesOpenButGone(load.pid())) / oneBuild - 1);
    block.peakBytes = Math.max(block.peakBytes, peakBytes(load.pid()));
  }, sampleMs);
  try {
    /** @type {import("./count.mjs").Switch[]} */
    const switched = [];
    for (let number = 1; number <= switches; number++) {
      await pause(restMs);
      const startedAt = performance.now();
      let buildMs = 0;
      try {
        const at = await publisher.publish(async (target) => {
          const buildingAt = performance.now();
          await build(target, number);
          buildMs = performance.now() - buildingAt;
        });
        block.wholeMs.push(performance.now() - startedAt);
        block.publishMs.push(performance.now() - startedAt - buildMs);
        switched.push({ number, at });
        block.publishes += 1;
      } catch (error) {
        block.refused.push(String(error).split("\n")[0] ?? "");
      }
    }
    await pause(restMs);
    block.counted = count(await load.stop(), { switches: switched, rows: source.rows });
    block.restarts = load.restarts();
    return block;
  } finally {
    clearInterval(sampling);
    await load.kill();
    await publisher.close?.();
  }
}

/**
 * A way's server, started again whenever it ends by itself, and its clients.
 *
 * @param {Way} way
 * @param {string} home
 * @param {string} [bin]
 */
export async function startLoad(way, home, bin) {
  let server = await startServer(way, home, bin);
  const asking = fork(clientsFile, [String(clients)], { serialization: "advanced" });
  let restarts = 0;
  const state = { stopping: false };
  const stopped = () => state.stopping;
  const watch = async () => {
    await server.exited;
    if (stopped()) return;
    restarts += 1;
    const next = await startServer(way, home, bin);
    if (stopped()) return void (await next.stop());
    server = next;
    asking.send(server.address);
    return watch();
  };
  // One that cannot be started again stays down, and its requests fail.
  const watching = watch().catch(() => {});
  asking.send(server.address);
  return {
    pid: () => server.pid,
    restarts: () => restarts,
    stop: async () => {
      state.stopping = true;
      const told = once(asking, "message");
      asking.send({ stop: true });
      const [{ asked }] = await told;
      return /** @type {import("./count.mjs").Asked[]} */ (asked);
    },
    kill: async () => {
      state.stopping = true;
      asking.kill("SIGKILL");
      await server.stop();
      await watching;
    },
  };
}

/**
 * @param {string} folder
 * @returns {number}
 */
export function bytesBelow(folder) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    // A file may go between the listing and the look.
    bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

/**
 * Bytes of files that a process holds open though no path leads to them any more: 0 where there is no /proc.
 *
 * @param {number} pid
 */
function bytesOpenButGone(pid) {
  const folder = `/proc/${pid}/fd`;
  /** @type {Map<number, number>} */
  const files = new Map();
  for (const name of attempt(() => readdirSync(folder)) ?? []) {
    const file = attempt(() => statSync(join(folder, name)));
    if (file?.isFile() && file.nlink === 0) files.set(file.ino, file.size);
  }
  return [...files.values()].reduce((sum, size) => sum + size, 0);
}

/**
 * The most memory that a process had so far: 0 where there is no /proc.
 *
 * @param {number} pid
 */
export function peakBytes(pid) {
  const status = attempt(() => readFileSync(`/proc/${pid}/status`, "utf8")) ?? "";
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/**
 * @template T
 * @param {() => T} look
 * @returns {T | undefined}
 */
function attempt(look) {
  try {
    return look();
  } catch {
    return undefined;
  }
}
