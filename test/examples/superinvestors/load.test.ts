import { fork } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../support/temporary.ts";
import { exampleFile } from "./support.ts";

const urls = ["/api/data-freshness", "/a"];
const truth = {
  1: { "/api/data-freshness": { lastDataLoadDate: "2025-01-04", rows: 1 }, "/a": { rows: 1 } },
  2: { "/api/data-freshness": { lastDataLoadDate: "2025-01-07", rows: 2 }, "/a": { rows: 2 } },
};

interface Counts {
  readonly type: "counts" | "first" | "final" | "heard";
  readonly requests: number;
  readonly verified: number;
  readonly failures: string[];
  readonly stores: Record<string, { readonly requests: number; readonly version: number }>;
}

/** What an app answers: of a week, under a version, in the name of a store. */
interface Said {
  readonly week: 1 | 2;
  readonly version: number;
  readonly store?: string;
  readonly rows?: number;
  readonly status?: number;
}

/** Runs the load against two apps until they have had `requests` requests, and returns what it counted and heard. */
async function loadOf(requests: number, say: (store: string, asked: number) => Said) {
  const answered = new EventEmitter();
  let asked = 0;
  const apps = ["one", "two"].map((store) => {
    const server = createServer((request, response) => {
      if (request.url?.startsWith("/lockkeeper/v1/events")) {
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        const event = { id: 7, type: "release.switched", store, time: "2026-11-28T00:00:00.000Z", version: 7 };
        response.write(`id: 7\nevent: release.switched\ndata: ${JSON.stringify(event)}\n\n`);
        return;
      }
      const { week, version, status = 200, ...said } = say(store, asked);
      const data = truth[week][request.url === "/a" ? "/a" : "/api/data-freshness"];
      const moment = { lastUpdated: "now", active: "a", timestamp: "now", servingVersion: version, store: said.store ?? store };
      const answer = {
        release: `r00000${week}`,
        dbVersion: version,
        ...data,
        ...(said.rows && { rows: said.rows }),
        ...(request.url !== "/a" && moment),
      };
      response.writeHead(status).end(JSON.stringify(status === 200 ? answer : { error: 'Could not set lock on file "x"' }));
      asked += 1;
      if (asked === requests) answered.emit("enough");
    });
    server.listen(0, "127.0.0.1");
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    return { store, server };
  });
  for (const { server } of apps) if (!server.listening) await once(server, "listening");
  const expectation = join(temporaryFolder(), "expected.json");
  writeFileSync(expectation, JSON.stringify({ urls, truth }));
  const targets = apps.map(({ store, server }) => `${store}=http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const load = fork(exampleFile("demo/load.mjs"), [expectation, "2", ...targets]);
  const heard: unknown[] = [];
  const final = new Promise<Counts>((resolve) => {
    load.on("message", (message) => {
      const counts = message as Counts;
      if (counts.type === "heard") heard.push(message);
      if (counts.type === "final") resolve(counts);
    });
  });
  for (const { store } of apps) {
    for (const week of [1, 2]) load.send({ type: "announce", store, release: `r00000${week}`, week });
  }
  answered.once("enough", () => load.send({ type: "stop" }));
  expect(await once(load, "exit")).toEqual([0, null]);
  return { counts: await final, heard };
}

test("right answers are verified, store by store, and each stream's events are heard", async () => {
  const { counts, heard } = await loadOf(40, (store) => ({ week: store === "one" ? 1 : 2, version: store === "one" ? 3 : 9 }));
  expect(counts).toMatchObject({
    failed: 0,
    mixed: 0,
    backwards: 0,
    lockErrors: 0,
    unverified: 0,
    breaks: 0,
    failures: [],
    mismatches: [],
  });
  expect(counts.verified).toBe(counts.requests);
  expect(counts.stores).toMatchObject({ one: { version: 3 }, two: { version: 9 } });
  expect(counts.stores["one"]?.requests).toBeGreaterThan(10);
  expect(heard).toEqual(expect.arrayContaining(["one", "two"].map((store) => ({ type: "heard", store, version: 7 }))));
});

test("one torn answer is mixed", async () => {
  const { counts } = await loadOf(40, (_store, asked) => ({ week: 2, version: 2, ...(asked === 9 && { rows: 1 }) }));
  expect(counts).toMatchObject({ mixed: 1, failed: 0 });
  expect(counts.verified).toBe(counts.requests - 1);
});

test("an answer older than one of the same store is told; a lower version of another store is none", async () => {
  const right = await loadOf(40, (store) => ({ week: 1, version: store === "one" ? 50 : 1 }));
  expect(right.counts).toMatchObject({ backwards: 0, mixed: 0 });
  const { counts } = await loadOf(60, (_store, asked) => (asked < 30 ? { week: 2, version: 2 } : { week: 1, version: 1 }));
  expect(counts).toMatchObject({ mixed: 0, failed: 0 });
  expect((counts as unknown as { readonly backwards: number }).backwards).toBeGreaterThan(0);
});

test("a request that failed, a lock error, and an answer in the name of another store", async () => {
  const locked = await loadOf(20, (_store, asked) => ({ week: 1, version: 1, ...(asked === 4 && { status: 500 }) }));
  expect(locked.counts).toMatchObject({ failed: 1, lockErrors: 1, mixed: 0 });
  const { counts } = await loadOf(20, (store) => ({ week: 1, version: 1, ...(store === "two" && { store: "one" }) }));
  expect(counts.failures.join()).toContain("the freshness is of another");
});
