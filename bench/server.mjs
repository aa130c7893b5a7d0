// @ts-check
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { openWorkspace } from "lockkeeper";
import { median } from "./lib/statistics.mjs";
import { speedRow } from "./lib/table.mjs";

const loops = 8;
const rounds = 9;
const bin = fileURLToPath(new URL("../dist/bin/lockkeeper.js", import.meta.url));
const peerScript = fileURLToPath(new URL("peers/bare-hono.mjs", import.meta.url));
const against = "a Hono handler";

const wide = `CREATE TABLE wide AS SELECT range AS id, (range % 1000)::INTEGER AS n, range / 7 AS share, 'asset ' || range % 5000 AS asset, 'x' || range AS code,
  DATE '2026-01-01' + (range % 365)::INTEGER AS day, TIMESTAMP '2026-01-01' + INTERVAL (range) SECOND AS seen, (range / 3)::DECIMAL(18, 3) AS price FROM range(1_000_000)`;
const facts = "CREATE TABLE facts AS SELECT range % 500 AS bucket, range % 997 AS amount FROM range(1_000_000)";

/**
 * `lockkeeper serve` against what somebody would write with Hono, each in a process of its own, asked in turns over kept-alive connections.
 *
 * @type {import("./run.mjs").Bench}
 */
export async function run({ ci, folder }) {
  const { ours, theirs, close } = await startBoth(folder);
  const roundMs = ci ? 300 : 1_000;
  const rowsAddress = "/v1/stores/bench/tables/facts/rows?limit=20";
  const first = await get(ours, rowsAddress);
  const etag = String(first.headers.etag);
  const pairs = /** @type {const} */ ([
    [
      "not modified",
      { address: rowsAddress, headers: { "If-None-Match": etag } },
      { address: "/kept", headers: { "If-None-Match": 'W/"0123456789abcdef"' } },
      0.7,
    ],
    ["kept answer", { address: rowsAddress, headers: {} }, { address: "/kept", headers: {} }, 0.7],
    [
      "small query",
      { address: "/v1/stores/bench/queries/small?below=", headers: {} },
      { address: "/small?below=", headers: {} },
      0.8,
    ],
  ]);
  try {
    const rows = [];
    for (const [measure, our, their, goal] of pairs) {
      const times = [];
      for (let round = 0; round < rounds; round += 1) {
        const order = round % 2 === 0 ? [ours, theirs] : [theirs, ours];
        /** @type {Map<unknown, number>} */
        const took = new Map();
        for (const side of order) took.set(side, await msPerRequest(side, side === ours ? our : their, roundMs));
        times.push({ ours: took.get(ours) ?? 0, theirs: took.get(theirs) ?? 0 });
      }
      const typical = median(times.map((time) => time.theirs / time.ours));
      const theirMs = median(times.map((time) => time.theirs));
      rows.push(
        speedRow(
          {
            bench: "server",
            measure,
            ours: theirMs / typical,
            theirs: theirMs,
            against: measure === "small query" ? `${against} over the driver` : against,
          },
          goal,
        ),
      );
    }
    rows.push(...(await wholeTable(ours, theirs, ci ? 2 : 5)));
    return { rows };
  } finally {
    await close();
  }
}

/** @typedef {{ port: number, agent: Agent, pid: number }} Side */

/**
 * @param {Side} ours
 * @param {Side} theirs
 * @param {number} times
 */
async function wholeTable(ours, theirs, times) {
  const pairs = [];
  /** @type {number[]} */
  const memory = [];
  for (let time = 0; time <= times; time += 1) {
    const startedAt = performance.now();
    const address = "/v1/stores/bench/tables/wide/rows?format=ndjson";
    const { lines } = await get(ours, address, { onPiece: () => memory.push(residentBytes(ours.pid)) });
    const oursMs = performance.now() - startedAt;
    if (lines !== 1_000_000) throw new Error(`${lines} lines of 1,000,000`);
    const read = JSON.parse((await get(theirs, "/read")).body);
    // The first of each warms both.
    if (time > 0) pairs.push({ ours: oursMs, theirs: read.ms });
  }
  const typical = median(pairs.map((pair) => pair.theirs / pair.ours));
  const theirMs = median(pairs.map((pair) => pair.theirs));
  const grown = (Math.max(...memory) - Math.min(...memory.slice(0, 5))) / 1e6;
  return [
    speedRow(
      {
        bench: "server",
        measure: `1 M rows NDJSON, memory +${grown.toFixed(0)} MB`,
        ours: theirMs / typical,
        theirs: theirMs,
        against: "the driver's read alone",
      },
      0.83,
    ),
  ];
}

/** @param {number} pid */
function residentBytes(pid) {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/**
 * Milliseconds of one request, of eight loops for `forMs`. An address that ends with `=` gets another number each time.
 *
 * @param {Side} side
 * @param {{ address: string, headers: Record<string, string> }} ask
 * @param {number} forMs
 */
async function msPerRequest(side, { address, headers }, forMs) {
  const startedAt = performance.now();
  let asked = 0;
  const loop = async (/** @type {number} */ offset) => {
    for (let turn = offset; performance.now() - startedAt < forMs; turn += loops) {
      const { status } = await get(side, address.endsWith("=") ? `${address}${1 + (turn % 400)}` : address, { headers });
      if (status !== 200 && status !== 304) throw new Error(`${address}: ${status}`);
      asked += 1;
    }
  };
  await Promise.all(Array.from({ length: loops }, (_, offset) => loop(offset)));
  return (performance.now() - startedAt) / asked;
}

/**
 * @param {Side} side
 * @param {string} path
 * @param {{ headers?: Record<string, string>, onPiece?: () => void }} [options] with `onPiece` lines are counted, and the body is not kept
 * @returns {Promise<{ status: number, headers: import("node:http").IncomingHttpHeaders, body: string, lines: number }>}
 */
function get({ port, agent }, path, { headers = {}, onPiece } = {}) {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, agent, headers }, (response) => {
      /** @type {Buffer[]} */
      const pieces = [];
      let lines = 0;
      let count = 0;
      response.on("data", (/** @type {Buffer} */ piece) => {
        if (!onPiece) return void pieces.push(piece);
        if (count++ % 64 === 0) onPiece();
        for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, at + 1)) lines += 1;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces).toString(), lines }),
      );
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** @param {string} folder */
async function startBoth(folder) {
  mkdirSync(join(folder, "queries"));
  writeFileSync(
    join(folder, "queries", "small.sql"),
    "-- param below: integer\nSELECT bucket, count(*) AS n, sum(amount) AS total FROM facts WHERE bucket < $below GROUP BY bucket ORDER BY bucket\n",
  );
  // Small queries differ each time, and nothing that is asked again is of any use: 400 answers do not fit.
  const config = `format = 1\n[serve]\nlisten = "127.0.0.1:0"\nlog = "error"\ncache = "100KB"\n[stores.bench]\nkind = "release"\ndir = "bench"\nqueries = "queries/*.sql"\n`;
  writeFileSync(join(folder, "lockkeeper.toml"), config);
  const copy = join(folder, "copy.duckdb");
  const workspace = await openWorkspace({ config: join(folder, "lockkeeper.toml") });
  await workspace.publish("bench", async ({ path }) => {
    const instance = await DuckDBInstance.create(path);
    const connection = await instance.connect();
    for (const statement of [facts, wide]) await connection.run(statement);
    connection.closeSync();
    instance.closeSync();
    copyFileSync(path, copy);
  });
  await workspace.close();
  const server = await start([bin, "serve", "--json"], folder, '{"schema":"lockkeeper/serve@1"');
  const peer = await start([peerScript, copy, String(loops)], folder, "listening ");
  const agent = () => new Agent({ keepAlive: true, maxSockets: loops });
  const ours = { port: Number(new URL(JSON.parse(server.line).url).port), agent: agent(), pid: server.pid };
  const theirs = { port: Number(peer.line.slice("listening ".length)), agent: agent(), pid: peer.pid };
  const close = async () => {
    ours.agent.destroy();
    theirs.agent.destroy();
    await Promise.all([server.stop(), peer.stop()]);
  };
  return { ours, theirs, close };
}

/**
 * A program that runs until `stop`; resolves with its first line that begins with `prefix`. Both have threads enough for their queries.
 *
 * @param {string[]} args
 * @param {string} cwd
 * @param {string} prefix
 */
async function start(args, cwd, prefix) {
  const child = spawn(process.execPath, args, {
    cwd,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, UV_THREADPOOL_SIZE: "24" },
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith(prefix)) continue;
    return { line, pid: child.pid ?? 0, stop: () => (child.kill("SIGTERM"), ended) };
  }
  throw new Error(`${args[0]} ended before it listened`);
}
