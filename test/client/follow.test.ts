import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { createClient, type FollowedEvent } from "../../src/client.ts";
import { listening } from "../server/support/listening.ts";
import { busy, scripted, type Step } from "./scripted.ts";

/** The next `count` events. */
async function take(events: AsyncIterator<FollowedEvent>, count: number): Promise<FollowedEvent[]> {
  const taken: FollowedEvent[] = [];
  while (taken.length < count) {
    const { value, done } = await events.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}

function stream(text: string, then: (response: ServerResponse) => void = (response) => response.end()): Step {
  return (response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(text);
    then(response);
  };
}

function block(id: string, version = 1): string {
  return `id: ${id}\nevent: release.switched\ndata: ${JSON.stringify({ id, type: "release.switched", store: "s", version })}\n\n`;
}

describe("against a server", () => {
  test("every event once, in order, over two restarts; then reads are as new as what was told", async () => {
    const { url, publish, restart, server } = await listening();
    const breaks: unknown[] = [];
    const minVersions: (string | null)[] = [];
    const client = createClient({
      url,
      fetch: (input, init) => {
        minVersions.push(new Headers(init?.headers).get("Min-Version"));
        return fetch(input, init);
      },
    });
    const store = client.store("holdings");
    const events = store.follow({ onBreak: (error) => breaks.push(error) });
    const next = events.next();
    await expect.poll(() => server().context.events.load.connections).toBe(1);
    await publish(1);
    const seen = [(await next).value as FollowedEvent];
    for (const rows of [2, 4]) {
      await restart(() => publish(rows));
      await publish(rows + 1);
      seen.push(...(await take(events, 2)));
    }
    expect(seen.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
    expect(breaks.length).toBeGreaterThanOrEqual(2);
    expect((await store.rows("t")).version).toBe(5);
    expect(minVersions.at(-1)).toBe("5");
    await events.return();
    await expect.poll(() => server().context.events.load.connections).toBe(0);
  });

  test("from a position, with notices, until the signal aborts", async () => {
    const { url, publish, server } = await listening();
    for (const rows of [1, 2]) await publish(rows);
    const ending = new AbortController();
    const events = createClient({ url }).store("holdings").follow({ after: 1, signal: ending.signal });
    expect(await take(events, 1)).toMatchObject([{ id: 2, reason: "publish" }]);
    server().context.events.tell("holdings", { type: "store.stale", behindMs: 7 });
    expect(await take(events, 1)).toMatchObject([{ type: "store.stale", store: "holdings", behindMs: 7 }]);
    const waiting = events.next();
    ending.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    const none = createClient({ url }).store("holdings").follow({ after: 99 });
    await expect(none.next()).rejects.toMatchObject({ code: "REQUEST_INVALID", status: 400 });
  });
});

test("a break: the last position is sent, also one that came without an event; a busy server is asked again", async () => {
  const { url, requests } = await scripted(
    stream("retry: 1\nid: 41\n\n"),
    stream(block("42"), (response) => response.socket?.destroySoon()),
    busy(),
    stream(block("43"), () => undefined),
  );
  const breaks: unknown[] = [];
  const events = createClient({ url })
    .store("s")
    .follow({ onBreak: (error) => breaks.push(error) });
  expect((await take(events, 2)).map(({ id }) => id)).toEqual(["42", "43"]);
  await events.return();
  expect(requests.map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "41", "42", "42"]);
  expect(requests[0]?.url).toBe("/data/v1/events?store=s");
  expect(breaks).toMatchObject([{ message: "the server ended the stream" }, {}, { code: "OVERLOADED" }]);
});

test("a connection on which nothing comes is taken for dead, whether before its answer or after", async () => {
  const silences: string[] = [];
  const { url, requests } = await scripted((response, request) => {
    const last = request.headers["last-event-id"];
    // However slow this machine is: the next answer is another one only when the client has seen this one.
    if (last === undefined) return stream("retry: 1\nid: 7\n\n", () => undefined)(response, request);
    if (silences.length === 0) return void silences.push("no answer");
    return stream(block("8"), () => undefined)(response, request);
  });
  const breaks = new Set<string>();
  const events = createClient({ url })
    .store("s")
    .follow({ silenceMs: 200, onBreak: (error) => breaks.add((error as Error).message) });
  expect((await take(events, 1)).map(({ id }) => id)).toEqual(["8"]);
  await events.return();
  expect(requests.length).toBeGreaterThanOrEqual(3);
  expect([...breaks]).toEqual(["nothing came for 200 ms"]);
});

test("a switch of another program that is told again, under another id, is told once", async () => {
  const { url } = await scripted(
    stream(`retry: 1\n\n${block("1")}${block("1+aaaaaaaaaaaa")}${block("2")}`),
    stream(`${block("2+aaaaaaaaaaaa")}${block("2+bbbbbbbbbbbb")}`, () => undefined),
  );
  const events = createClient({ url }).store("s").follow({ after: 0 });
  expect((await take(events, 4)).map(({ id }) => id)).toEqual(["1", "1+aaaaaaaaaaaa", "2", "2+bbbbbbbbbbbb"]);
  await events.return();
});
