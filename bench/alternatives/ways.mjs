// @ts-check
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** @typedef {import("./question.mjs").Answer} Answer */
/** @typedef {import("./clients.mjs").Address} Address */
/**
 * `rollback` goes back to the build before, where there is such a thing. `force` is what another program does that puts a file in place
 * itself, where that is not the same as to publish.
 * @typedef {import("./lib/publishers.mjs").Publisher & { rollback?: () => Promise<void>, force?: (build: import("./lib/publishers.mjs").Build) => Promise<void> }} Publisher
 */
/** @typedef {{ ask: (between?: () => Promise<unknown>) => Promise<Answer>, healthy?: () => boolean }} Reader */
/** @typedef {(folder: string) => Promise<Reader>} OpenReader */
/** @typedef {(folder: string) => Publisher | Promise<Publisher>} OpenPublisher */
/** @typedef {(folder: string, port: number) => { command: string, args: string[], address: Address, health: string }} Foreign a server of others */

/**
 * One way to serve a file that is replaced. `program` is the Python package of a server that is not ours. `careful` are the forms to beat.
 * @typedef {{ name: string, title: string, data: "duckdb" | "sqlite" | "parquet", careful?: boolean, program?: string }} Way
 */

/** @type {Way[]} */
export const ways = [
  { name: "shared-held", title: "one shared file, held open", data: "duckdb" },
  { name: "shared-opened-per-request", title: "one shared file, opened per request", data: "duckdb" },
  { name: "close-then-open", title: "two files, close then open at a change", data: "duckdb" },
  { name: "close-connection-only", title: "the same, instance never closed", data: "duckdb" },
  { name: "rename-naive", title: "rename over, close then open", data: "duckdb" },
  { name: "symlink", title: "symlink, opened per request", data: "duckdb" },
  { name: "copy-on-a-timer", title: "copy, then reopen on a timer", data: "duckdb" },
  { name: "datasette", title: "Datasette, file renamed over", data: "sqlite", program: "datasette" },
  { name: "roapi", title: "ROAPI, files renamed over", data: "parquet", program: "roapi" },
  { name: "rename-counted", title: "careful: rename, open first, use counts", data: "duckdb", careful: true },
  { name: "attach-or-replace", title: "careful: one instance, ATTACH OR REPLACE", data: "duckdb", careful: true },
  { name: "lockkeeper", title: "Lockkeeper", data: "duckdb", careful: true },
];

const serverFile = fileURLToPath(new URL("server.mjs", import.meta.url));
const readyWithinMs = 30_000;

/**
 * @param {Way} way
 * @param {string} folder
 * @returns {Promise<Publisher>}
 */
export async function openPublisher(way, folder) {
  const module = await import(new URL(`ways/${way.name}.mjs`, import.meta.url).href);
  return module.openPublisher(folder);
}

/**
 * @typedef {{ pid: number, address: Address, health: string, running: () => boolean, exited: Promise<unknown>, stop: () => Promise<unknown> }} Server
 */

/**
 * Starts a way's server over a folder in which a build is in place; resolves when it answers.
 *
 * @param {Way} way
 * @param {string} folder
 * @param {string} [bin] folder of the programs of others
 * @returns {Promise<Server>}
 */
export async function startServer(way, folder, bin = "") {
  if (way.program === undefined) return startOurs(way, folder);
  const { foreign } = await import(new URL(`ways/${way.name}.mjs`, import.meta.url).href);
  const { command, args, address, health } = /** @type {Foreign} */ (foreign)(folder, await freePort());
  const server = supervise(spawn(`${bin}/${command}`, args, { stdio: "ignore" }), { address, health });
  for (const deadline = performance.now() + readyWithinMs; ; await pause(50)) {
    if (await answers(address)) return server;
    if (!server.running()) throw new Error(`${way.title}: the server ended before it answered`);
    if (performance.now() > deadline) {
      await server.stop();
      throw new Error(`${way.title}: no answer in ${readyWithinMs} ms`);
    }
  }
}

/**
 * @param {Way} way
 * @param {string} folder
 */
async function startOurs({ name, title }, folder) {
  // More libuv workers than clients: each query of the driver occupies one.
  const child = spawn(process.execPath, [serverFile, name, folder], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, UV_THREADPOOL_SIZE: "16" },
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /^listening (\d+)$/.exec(line)?.[1];
    const url = `http://127.0.0.1:${port}`;
    if (port !== undefined) return supervise(child, { address: { url: `${url}/ask` }, health: `${url}/health` });
  }
  throw new Error(`${title}: the server ended before it listened`);
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {{ address: Address, health: string }} where
 * @returns {Server}
 */
function supervise(child, where) {
  // However the bench ends, no server is left behind.
  const killed = () => void child.kill("SIGKILL");
  process.once("exit", killed);
  const exited = new Promise((resolve) => child.once("exit", resolve)).finally(() => process.off("exit", killed));
  const running = () => child.exitCode === null && child.signalCode === null;
  const stop = () => (running() ? (child.kill("SIGKILL"), exited) : exited);
  return { pid: child.pid ?? 0, ...where, running, exited, stop };
}

/** @param {Address} address */
async function answers({ url, method = "GET", body }) {
  try {
    const response = await fetch(url, { method, ...(body === undefined ? {} : { body }) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** @returns {Promise<number>} a port that was free a moment ago */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
