import { fork } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../support/temporary.ts";

const loadFile = fileURLToPath(new URL("../../examples/flights/demo/load.mjs", import.meta.url));
const truth = { 1: { "/a": { rows: 1 }, "/b": { rows: 1 } }, 2: { "/a": { rows: 2 }, "/b": { rows: 2 } } };

interface Counts {
  readonly type: "counts" | "first" | "final";
  readonly requests: number;
  readonly verified: number;
  readonly mixed: number;
  readonly failed: number;
  readonly lockErrors: number;
  readonly backwards: number;
  readonly unverified: number;
  readonly outageMs: number;
  readonly failures: string[];
}

/** Runs the load against a server until it has made `requests` requests, and returns what it counted. */
async function loadOf(requests: number, listener: RequestListener, ...mode: readonly string[]): Promise<Counts> {
  const answered = new EventEmitter();
  let count = 0;
  const server = createServer((request, response) => {
    listener(request, response);
    count += 1;
    if (count === requests) answered.emit("enough");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  const expectation = join(temporaryFolder(), "expected.json");
  writeFileSync(expectation, JSON.stringify({ months: 2, rows: 2, urls: ["/a", "/b"], truth }));
  const load = fork(loadFile, [`http://127.0.0.1:${(server.address() as AddressInfo).port}`, expectation, "2", ...mode]);
  answered.once("enough", () => load.send({ type: "stop" }));
  for (const [index, release] of ["r000001", "r000002"].entries()) load.send({ type: "announce", release, months: index + 1 });
  const final = new Promise<Counts>((resolve) => {
    load.on("message", (message) => {
      const counts = message as Counts;
      if (counts.type === "final") resolve(counts);
    });
  });
  const [code] = (await once(load, "exit")) as [number | null];
  expect(code).toBe(0);
  return final;
}

function answer(release: string, dbVersion: number, rows: number): string {
  return JSON.stringify({ release, dbVersion, rows });
}

test("the load verifies right answers and counts nothing against them", async () => {
  const counts = await loadOf(20, (_request, response) => void response.end(answer("r000002", 2, 2)));
  expect(counts).toMatchObject({ mixed: 0, failed: 0, lockErrors: 0, backwards: 0, unverified: 0, outageMs: 0, failures: [] });
  expect(counts.verified).toBeGreaterThanOrEqual(20);
  expect(counts.verified).toBe(counts.requests);
});

test("the load can fail: one torn answer among right ones is counted as mixed", async () => {
  let asked = 0;
  const counts = await loadOf(20, (_request, response) => {
    asked += 1;
    response.end(answer("r000002", 2, asked === 7 ? 1 : 2));
  });
  expect(counts.mixed).toBe(1);
  expect(counts.verified).toBe(counts.requests - 1);
});

test("the load counts a failed request, and a lock error apart", async () => {
  let asked = 0;
  const counts = await loadOf(10, (_request, response) => {
    asked += 1;
    if (asked > 2) return void response.end(answer("r000001", 1, 1));
    const error = asked === 1 ? 'IO Error: Could not set lock on file "x.duckdb"' : "out of memory";
    response.writeHead(500).end(JSON.stringify({ error }));
  });
  expect(counts).toMatchObject({ failed: 2, lockErrors: 1, mixed: 0 });
  expect(counts.failures.join()).toContain("HTTP 500");
});

test("the load counts an answer older than one seen before it was asked for", async () => {
  let asked = 0;
  const counts = await loadOf(40, (_request, response) => {
    asked += 1;
    response.end(asked <= 20 ? answer("r000002", 2, 2) : answer("r000001", 1, 1));
  });
  expect(counts.mixed).toBe(0);
  expect(counts.backwards).toBeGreaterThan(0);
});

test.each([
  ["from one answer to the next", 20],
  ["to its end, where no answer comes any more", Infinity],
])("the load adds up the time in which requests failed and none was answered: %s", async (_name, answersAgain) => {
  let asked = 0;
  const counts = await loadOf(30, (_request, response) => {
    asked += 1;
    if (asked > 10 && asked < answersAgain) response.writeHead(500);
    response.end(answer("r000001", 1, 1));
  });
  // Each of the two clients waits 50 ms after a failure, so that the first outage has five such waits.
  expect(counts.outageMs).toBeGreaterThan(200);
  expect(counts.failed).toBeGreaterThanOrEqual(9);
});

test("answers that name no release are right in an uncompared load, and wrong in every other", async () => {
  const plain = (_request: unknown, response: { end(text: string): unknown }) => void response.end("{}");
  expect(await loadOf(10, plain, "uncompared")).toMatchObject({ failed: 0, verified: 0, outageMs: 0 });
  expect((await loadOf(10, plain)).failed).toBeGreaterThan(0);
});
