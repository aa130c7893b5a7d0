import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { HttpBounds } from "../../src/platform/http-server.ts";
import { noQuery } from "../../src/model/http.ts";
import { createApp } from "../../src/server/app.ts";
import { httpBounds } from "../../src/server/bounds.ts";
import { listen } from "../../src/server/listen.ts";
import { jsonReply } from "../../src/server/reply.ts";
import { route } from "../../src/server/route.ts";
import { connection, everything, exchange, parseAnswer } from "./support/raw.ts";
import { oneStore, testServer, type TestServer } from "./support/server.ts";

/** 20 MB as JSON: more than the buffers between two sockets of one machine hold. */
const big = "CREATE TABLE big AS SELECT range AS n, repeat('x', 2000) AS s FROM range(10000)";
const bigRows = "/v1/stores/holdings/tables/big/rows?limit=10000";

/** A server whose store has the big table. */
async function bigServer(): Promise<TestServer> {
  const test = await testServer();
  await test.publish("holdings", big);
  // That there was no release before may be remembered for a moment.
  while ((await test.ask("/v1/stores/holdings/tables")).status !== 200);
  return test;
}

async function listening(test: TestServer, bounds: Partial<HttpBounds> = {}) {
  const { limits } = test.workspace.serveSettings();
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const found = await listen(test.server, { host: "127.0.0.1", port: 0, limits, log, bounds });
  onTestFinished(async () => {
    await found.drain(0);
  });
  return { ...found, port: found.address.port };
}

const ask = (path: string, more = "Connection: close\r\n") => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;

/** Looked at often, so that a bound is what it says. */
const quick = { headTimeoutMs: 200, requestTimeoutMs: 400, lookEveryMs: 20 };

async function opened(port: number, text: string): Promise<{ readonly socket: Socket; readonly end: Promise<string> }> {
  const socket = await connection(port);
  const end = everything(socket);
  socket.write(text);
  return { socket, end };
}

describe("clients that take their time", () => {
  it("a head that does not come is answered with 408 and cut; others are served meanwhile", async () => {
    const { port } = await listening(await testServer(), quick);
    const beginnings = ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "];
    const slow = await Promise.all([...beginnings, ...beginnings, ...beginnings].map((text) => opened(port, text)));
    expect((await exchange(port, ask("/v1/stores")))?.status).toBe(200);
    for (const { end } of slow) {
      const answer = parseAnswer(await end);
      expect([answer?.status, answer?.headers["content-type"], answer?.headers["connection"]]).toEqual([
        408,
        "application/problem+json",
        "close",
      ]);
    }
  });

  it("a head that comes a byte at a time is no better", async () => {
    const { port } = await listening(await testServer(), quick);
    const { socket, end } = await opened(port, "GET / HTTP/1.1\r\nX: ");
    // Not as fast as it can: a head that is too long is another refusal.
    const dripping = setInterval(() => void (socket.writable && socket.write("a")), 1);
    socket.once("close", () => clearInterval(dripping));
    expect(parseAnswer(await end)?.status).toBe(408);
  });

  it("a body that does not come is answered with 408, also where a token allowed it", async () => {
    const sha256 = createHash("sha256").update("t").digest("hex");
    const { port } = await listening(
      await testServer(`${oneStore}[[tokens]]\nname = "a"\nsha256 = "${sha256}"\nlevel = "admin"\n`),
      quick,
    );
    const head =
      'Host: 127.0.0.1\r\nAuthorization: Bearer t\r\nContent-Type: application/json\r\nIf-Match: "1"\r\nContent-Length: 100\r\n';
    const { end } = await opened(port, `POST /v1/stores/holdings/rollback HTTP/1.1\r\n${head}\r\n{`);
    expect(parseAnswer(await end)?.status).toBe(408);
  });

  it("a connection that waits for its next request is closed without a word", async () => {
    const { port } = await listening(await testServer(), { keepAliveTimeoutMs: 50 });
    const { end } = await opened(port, ask("/v1/stores", ""));
    const text = await end;
    expect(parseAnswer(text)?.status).toBe(200);
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  it("one that does not take its answer is cut, and its connection is another's", async () => {
    const test = await bigServer();
    const { port } = await listening(test, { connectionsMax: 1, stillTimeoutMs: 300 });
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => undefined);
    socket.pause();
    socket.write(ask(bigRows));
    let answer;
    while (answer === undefined) answer = await exchange(port, ask("/v1/stores"));
    expect(answer.status).toBe(200);
    const text = everything(socket);
    socket.resume();
    const got = await text;
    const { headers = {} } = parseAnswer(got) ?? {};
    expect(got.length).toBeLessThan(Number(headers["content-length"] ?? Infinity));
  });

  it("more connections than may be are closed at once", async () => {
    const { port } = await listening(await testServer(), { connectionsMax: 2 });
    await Promise.all([connection(port), connection(port)]);
    const third = await opened(port, ask("/v1/stores"));
    expect(await third.end).toBe("");
  });

  it("the bounds are such that a head is cut before a request, and no answer before its query", () => {
    const limits = { timeMs: 600_000, queueWaitMs: 9_000, eventStreams: 1_000 } as Parameters<typeof httpBounds>[0];
    const bounds = httpBounds(limits);
    expect(bounds.headTimeoutMs).toBeLessThan(bounds.requestTimeoutMs);
    expect(bounds.stillTimeoutMs).toBeGreaterThan(609_000);
    expect(httpBounds({ ...limits, timeMs: 1, queueWaitMs: 1 }).stillTimeoutMs).toBe(30_000);
    expect(bounds.connectionsMax).toBeGreaterThan(1_000);
  });
});

describe("drain", () => {
  it("does not cut an answer whose last bytes are still on their way", async () => {
    const test = await bigServer();
    const { port, drain } = await listening(test);
    const socket = await connection(port);
    socket.write(ask(bigRows, ""));
    // The head has come: all of the body has been handed over, and most of it waits in this machine.
    await new Promise<void>((resolve) => socket.once("readable", resolve));
    const drained = drain(60_000);
    const got = parseAnswer(await everything(socket));
    expect(got?.body).toHaveLength(Number(got?.headers["content-length"]));
    expect(await drained).toBe(0);
  });

  it("tells those who ask, calls those who listen, and counts what it cuts", async () => {
    const test = await bigServer();
    const { context } = test.server;
    const { port, drain } = await listening(test);
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => undefined);
    socket.write(ask(bigRows, ""));
    await new Promise<void>((resolve) => socket.once("readable", resolve));
    let told = 0;
    context.onDrain(() => (told += 1));
    expect(context.draining()).toBe(false);
    const drained = drain(50);
    expect([context.draining(), told]).toEqual([true, 1]);
    context.onDrain(() => (told += 1));
    expect(told).toBe(2);
    expect(await drained).toBe(1);
  });
});

const open = { method: "get", summary: "For this test", level: "open", querySchema: noQuery, answers: {}, errors: [] } as const;

const fineRoute = route({ ...open, path: "/fine", id: "fine" }, () => Promise.resolve(jsonReply({})));

/** Some rows, and then an error. */
function brokenRoute() {
  return route({ ...open, path: "/broken", id: "broken" }, () => {
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulls += 1;
        if (pulls > 3) throw new Error("secret of /srv/data");
        controller.enqueue(Buffer.from("some rows\n"));
      },
    });
    return Promise.resolve({ status: 200, headers: { "Content-Type": "text/csv" }, body });
  });
}

describe("an answer that fails on its way", () => {
  it("is cut, so that nobody takes it for whole; nothing of the error is sent or printed", async () => {
    const test = await testServer();
    const app = createApp([brokenRoute(), fineRoute], {
      tokens: { known: [], required: false },
      hostRule: undefined,
      urlBytesMax: 1_000,
      requestId: () => "1",
      monotonicMs: () => performance.now(),
      onArrived: () => undefined,
      onAnswered: () => undefined,
    });
    const printed = vi.spyOn(console, "error").mockImplementation(() => undefined);
    onTestFinished(() => printed.mockRestore());
    const { port } = await listening({ ...test, server: { ...test.server, app } });
    for (const more of ["", "Accept-Encoding: gzip\r\n"]) {
      const { end } = await opened(port, ask("/broken", more));
      const text = await end;
      expect(text).toMatch(/^HTTP\/1\.1 200 /);
      expect(text).not.toContain("secret");
      expect(text).not.toMatch(/0\r\n\r\n$/);
    }
    expect(printed).not.toHaveBeenCalled();
    expect((await exchange(port, ask("/fine")))?.status).toBe(200);
  });
});
