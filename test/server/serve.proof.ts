import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorOf, startCli } from "../cli/support/cli.ts";
import { servedFolder, startServe, type ServeProcess } from "./support/process.ts";
import { connection, everything, exchange, parseAnswer } from "./support/raw.ts";

/** Runs until it is interrupted, on any machine. */
const endless =
  "CREATE VIEW endless AS SELECT count(*) AS c FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 7";
/** Some 10 ms. */
const brisk = "CREATE VIEW brisk AS SELECT sum(hash(a.range * 31 + b.range)) AS c FROM range(2000) a, range(2000) b";
/** Takes about a second, and no less than some 100 ms anywhere. */
const slow = "CREATE VIEW slow AS SELECT sum(hash(a.range * 31 + b.range)) AS c FROM range(20000) a, range(4000) b";
const table = "CREATE TABLE t AS SELECT range + 1 AS n FROM range(10)";

const config = (serve = "") => `format = 1\n[serve]\n${serve}\n[stores.holdings]\nkind = "release"\ndir = "data/holdings"\n`;

let folder: { readonly folder: string; remove(): void };
let noTokens: string;

beforeAll(async () => {
  folder = await servedFolder(
    { "lockkeeper.toml": config('limits = { concurrency = 2, queue = 4, time = "1h" }\ndrain_timeout = "1h"') },
    { holdings: [table, brisk, slow, endless] },
  );
  noTokens = folder.folder;
}, 60_000);

afterAll(() => folder.remove());

const get = (server: ServeProcess, path: string) => fetch(`${server.url}/v1/stores/holdings${path}`);

/** A request for rows of a view, sent and not yet answered. */
async function asking(server: ServeProcess, view: string, query = "") {
  const socket = await connection(server.port);
  const answer = everything(socket);
  socket.write(`GET /v1/stores/holdings/tables/${view}/rows${query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  return { socket, answer };
}

/** Resolves once so many queries run or wait, which is seen from outside: one place is left or none is. */
async function inFlight(server: ServeProcess, count: number): Promise<void> {
  for (;;) {
    const response = await fetch(`${server.url}/api/db-status`);
    const { generations } = (await response.json()) as { readonly generations: readonly { readonly inFlightRequests: number }[] };
    if (generations.reduce((sum, { inFlightRequests }) => sum + inFlightRequests, 0) >= count) return;
  }
}

async function stop(server: ServeProcess): Promise<void> {
  server.process.kill("SIGTERM");
  expect(await server.ended).toEqual({ code: 0, signal: null });
}

/** The process that answers: the one that the first one started. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}

/** One that has ended may still be listed until somebody asks how. */
function runs(pid: number): boolean {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "";
  return /\) [^ZX] /.test(stat);
}

describe("serve", () => {
  it("tells where it listens and what it serves, answers, and ends with 0 at SIGTERM", async () => {
    const server = await startServe(noTokens);
    expect(server.document).toEqual({
      schema: "lockkeeper/serve@1",
      url: `http://127.0.0.1:${server.port}`,
      stores: [{ store: "holdings", release: "r000001", version: 1 }],
    });
    const response = await get(server, "/tables/t/rows?limit=1");
    expect([response.status, response.headers.get("Data-Version"), ((await response.json()) as { rows: unknown }).rows]).toEqual([
      200,
      "1",
      [["1"]],
    ]);
    await stop(server);
    const lines = server
      .stderr()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ msg }) => msg)).toEqual(["answered", expect.stringContaining("ending"), "ended"]);
    expect(lines[0]).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      route: "/v1/stores/{store}/tables/{table}/rows",
      method: "GET",
      status: 200,
      durationMs: expect.any(Number) as number,
      requestId: response.headers.get("Request-Id"),
      client: "anonymous",
      msg: "answered",
    });
  });

  it("says the same in one line for people, on standard error", async () => {
    const child = startCli(["serve", "--listen", "127.0.0.1:0"], { cwd: noTokens, env: { UV_THREADPOOL_SIZE: "64" } });
    await new Promise<void>((resolve) => {
      child.process.stderr?.on("data", () => {
        if (/^http:\/\/127\.0\.0\.1:\d+ serves holdings r000001 \(version 1\)$/m.test(child.stderr())) resolve();
      });
    });
    child.process.kill("SIGINT");
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(child.stdout()).toBe("");
  });

  it.skipIf(process.platform !== "linux")(
    "starts itself once more with a thread pool that its queries cannot fill (FACTS 1.9)",
    async () => {
      const server = await startServe(noTokens);
      const [child = 0, ...more] = childrenOf(server.process.pid ?? 0);
      expect(more).toEqual([]);
      const environment = readFileSync(`/proc/${child}/environ`, "utf8").split("\0");
      // Two at a time, one more that streams, and four for files.
      expect(environment).toContain("UV_THREADPOOL_SIZE=7");
      await stop(server);
    },
  );

  it.skipIf(process.platform !== "linux")("does not where the pool is large enough", async () => {
    const server = await startServe(noTokens, { env: { UV_THREADPOOL_SIZE: "7" } });
    expect(childrenOf(server.process.pid ?? 0)).toEqual([]);
    await stop(server);
  });

  it.skipIf(process.platform !== "linux")("leaves nobody behind when it is killed", async () => {
    const server = await startServe(noTokens);
    const [child = 0] = childrenOf(server.process.pid ?? 0);
    expect(runs(child)).toBe(true);
    // The pipe of its output closes when the last process that has it has ended.
    server.process.kill("SIGKILL");
    expect((await server.ended).signal).toBe("SIGKILL");
    // Who adopts it may take a moment to collect it.
    await expect.poll(() => runs(child), { timeout: 20_000 }).toBe(false);
  });
});

describe("the end of a server", () => {
  it("answers what has begun, takes nothing new, closes what is idle, and then ends with 0", async () => {
    const server = await startServe(noTokens);
    const idle = await connection(server.port);
    const idleEnd = everything(idle);
    const { answer } = await asking(server, "slow");
    await inFlight(server, 1);
    server.process.kill("SIGTERM");
    // An idle connection closes at once, and from then on none is taken.
    expect(await idleEnd).toBe("");
    await expect(connection(server.port)).rejects.toThrow("ECONNREFUSED");
    const got = parseAnswer(await answer);
    expect([got?.status, got?.headers["connection"]]).toEqual([200, "close"]);
    expect(JSON.parse(got?.body ?? "")).toMatchObject({ columns: [{ name: "c" }], rows: [[expect.any(String)]] });
    expect(await server.ended).toEqual({ code: 0, signal: null });
  });

  it("ends streams of events first", async () => {
    const server = await startServe(noTokens);
    const response = await fetch(`${server.url}/v1/events?store=holdings`);
    expect(response.status).toBe(200);
    const text = response.text();
    await stop(server);
    expect(await text).toContain("retry:");
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("at a second %s it is over at once: exit %d", async (signal, code) => {
    const server = await startServe(noTokens);
    const { answer } = await asking(server, "endless");
    await inFlight(server, 1);
    server.process.kill(signal);
    await server.told(/"msg":"ending/);
    server.process.kill(signal);
    expect(await server.ended).toEqual({ code, signal: null });
    expect(parseAnswer(await answer)).toBeUndefined();
  });

  it.skipIf(process.platform !== "linux")(
    "one signal that a terminal or a service manager sends to both processes is one",
    async () => {
      const server = await startServe(noTokens);
      const { answer } = await asking(server, "slow");
      await inFlight(server, 1);
      const [child = 0] = childrenOf(server.process.pid ?? 0);
      process.kill(child, "SIGTERM");
      server.process.kill("SIGTERM");
      expect(parseAnswer(await answer)?.status).toBe(200);
      expect(await server.ended).toEqual({ code: 0, signal: null });
    },
  );

  it("cuts what is not finished in time, says so, and ends as the signal would", async () => {
    const short = await servedFolder(
      { "lockkeeper.toml": config('limits = { time = "1h" }\ndrain_timeout = "0s"') },
      { holdings: [endless] },
    );
    try {
      const server = await startServe(short.folder);
      const { answer } = await asking(server, "endless");
      await inFlight(server, 1);
      server.process.kill("SIGTERM");
      expect(await server.ended).toEqual({ code: 143, signal: null });
      expect(parseAnswer(await answer)).toBeUndefined();
      expect(server.stderr()).toContain("1 answer was not finished within 0 ms");
      expect(server.stderr()).not.toContain("BUG");
    } finally {
      short.remove();
    }
  });
});

describe("under load", () => {
  it("a client that goes stops its query, and its place comes back", async () => {
    const server = await startServe(noTokens);
    // Both places, with queries that end only when they are stopped.
    const first = await asking(server, "endless", "?where.c.ge=1");
    const second = await asking(server, "endless", "?where.c.ge=2");
    await inFlight(server, 2);
    const third = get(server, "/tables/t/rows");
    first.socket.destroy();
    second.socket.destroy();
    expect((await third).status).toBe(200);
    await stop(server);
    expect(server.stderr().match(/"status":499/g)).toHaveLength(2);
    expect(server.stderr()).not.toContain('"level":"error"');
  });

  it("200 at a time, with two places and four that wait: each is answered, or told to come back", async () => {
    const server = await startServe(noTokens);
    const path = (n: number) => `/tables/brisk/rows?where.c.ge=${n}`;
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => get(server, path(n))));
    const statuses = answers.map(({ status }) => status);
    expect(statuses).toContain(200);
    expect(statuses.filter((status) => ![200, 429, 503].includes(status))).toEqual([]);
    expect(statuses.filter((status) => status !== 200).length).toBeGreaterThan(0);
    for (const response of answers) {
      if (response.status !== 200) expect(response.headers.get("Retry-After")).toMatch(/^\d+$/);
      await response.arrayBuffer();
    }
    expect((await get(server, "/tables/t/rows")).status).toBe(200);
    await stop(server);
  });
});

describe("where it does not start", () => {
  const refused = (serve: string, words: readonly string[] = []) =>
    servedFolder({ "lockkeeper.toml": config() + serve }, {}).then(async ({ folder: cwd, remove }) => {
      try {
        return await errorOf(["serve", ...words], { cwd });
      } finally {
        remove();
      }
    });

  it("another program listens there: exit 11, the address and what to do", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = `127.0.0.1:${(other.address() as { readonly port: number }).port}`;
    expect(await refused("", ["--listen", address])).toMatchObject({
      code: "ADDRESS_IN_USE",
      exit: 11,
      subject: address,
      hint: expect.stringContaining("--listen") as string,
    });
    await new Promise((resolve) => other.close(resolve));
  });

  it("an address of another machine: exit 2", async () => {
    const tokens = `[[tokens]]\nname = "a"\nsha256 = "${"a".repeat(64)}"\nlevel = "read"\n`;
    expect(await refused(tokens, ["--listen", "192.0.2.1:0"])).toMatchObject({ code: "ADDRESS_UNKNOWN", exit: 2 });
  });

  it("others reach the address and there is no token: exit 2", async () => {
    expect(await refused("", ["--listen", "0.0.0.0:0"])).toMatchObject({
      code: "TOKENS_MISSING",
      exit: 2,
      hint: expect.stringContaining("[[tokens]]") as string,
    });
  });

  it("a token's variable is not set: exit 2, wherever it listens", async () => {
    const tokens = '[[tokens]]\nname = "a"\nsha256 = "env:NO_SUCH_VARIABLE"\nlevel = "read"\n';
    expect(await refused(tokens)).toMatchObject({
      code: "TOKENS_MISSING",
      exit: 2,
      message: expect.stringContaining("NO_SUCH_VARIABLE") as string,
    });
  });

  it("--listen is no address: exit 2", async () => {
    const text = "http://127.0.0.1:4600";
    expect(await refused("", ["--listen", text])).toMatchObject({ code: "USAGE", exit: 2, subject: "--listen" });
  });
});

describe("a store without a release", () => {
  it("is served once it has one; until then it says so", async () => {
    const empty = await servedFolder({ "lockkeeper.toml": config() }, {});
    try {
      const server = await startServe(empty.folder);
      expect(server.document["stores"]).toEqual([{ store: "holdings" }]);
      const answer = await exchange(
        server.port,
        "GET /v1/stores/holdings/tables HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
      );
      expect([answer?.status, JSON.parse(answer?.body ?? "")]).toEqual([503, expect.objectContaining({ code: "NO_RELEASE" })]);
      await stop(server);
    } finally {
      empty.remove();
    }
  });
});
