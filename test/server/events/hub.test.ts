import { describe, expect, test } from "vitest";
import { EventHub } from "../../../src/server/events/hub.ts";
import type { EventSource } from "../../../src/server/events/follower.ts";
import type { StoreEvent } from "../../../src/model/events.ts";
import { nodeClock } from "../../../src/platform/clock.ts";

function event(id: number | string): StoreEvent {
  return { id, type: "release.switched", store: "s", time: "2026-11-28T00:00:00.000Z" };
}

/** A history in memory whose followers are told by hand: they may lag as far as a test likes. */
class Source implements EventSource {
  history: StoreEvent[] = [];
  followers = 0;
  readonly #live: StoreEvent[] = [];
  #failure: Error | undefined;
  #changed: () => void = () => undefined;

  async *events({ after = "0", follow, signal }: Parameters<EventSource["events"]>[0]): AsyncIterableIterator<StoreEvent> {
    if (follow !== true) {
      const line = Number(after.split("+")[0]);
      yield* this.history.filter(({ id }) => Number(String(id).split("+")[0]) > line);
      return;
    }
    this.followers += 1;
    try {
      for (let told = this.#live.length; ;) {
        const onAbort = () => this.#changed();
        signal?.addEventListener("abort", onAbort);
        while (told < this.#live.length) yield this.#live[told++]!;
        if (this.#failure) throw this.#failure;
        signal?.throwIfAborted();
        await new Promise<void>((resolve) => (this.#changed = resolve));
      }
    } finally {
      this.followers -= 1;
    }
  }

  live(...ids: (number | string)[]): void {
    this.#live.push(...ids.map(event));
    this.#changed();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#changed();
  }
}

function hubOver(source: EventSource, connectionsMax = 10) {
  const beats: (() => void)[] = [];
  const warnings: string[] = [];
  const hub = new EventHub(source, {
    clock: {
      now: () => nodeClock.now(),
      every: (_, beat) => {
        beats.push(beat);
        return () => void beats.splice(beats.indexOf(beat), 1);
      },
    },
    connectionsMax,
    warn: (store, message) => warnings.push(`${store}: ${message}`),
  });
  const open = async (after?: string) => {
    const client = new AbortController();
    const stream = await hub.open({ store: "s", after, signal: client.signal });
    return { client, reader: stream.getReader() };
  };
  return { hub, open, beats, warnings };
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function next(reader: Reader): Promise<string> {
  const { value, done } = await reader.read();
  return done ? "end" : new TextDecoder().decode(value);
}

/** Ids of the events up to and with `last`. */
async function idsUntil(reader: Reader, last: string): Promise<string[]> {
  const ids: string[] = [];
  while (ids.at(-1) !== last) {
    const text = await next(reader);
    if (text === "end") return [...ids, text];
    ids.push(...[...text.matchAll(/^id: (.*)\nevent: /gm)].map(([, id = ""]) => id));
  }
  return ids;
}

describe("backlog and what happens meanwhile", () => {
  test("nothing is told twice, and nothing is left out, when the follower lags behind the backlog", async () => {
    const source = new Source();
    source.history = [event(1), event(2)];
    const { open } = hubOver(source);
    const first = await open();
    expect(await next(first.reader)).toBe("retry: 2000\nid: 2\n\n");
    // The backlog sees four; the follower has not looked since the second.
    source.history = [1, 2, 3, 4].map(event);
    const second = await open("1");
    expect(await idsUntil(second.reader, "4")).toEqual(["2", "3", "4"]);
    source.live(3, 4, 5);
    expect(await idsUntil(second.reader, "5")).toEqual(["5"]);
    expect(await idsUntil(first.reader, "5")).toEqual(["3", "4", "5"]);
  });

  test("what happens while the backlog is read waits for its end", async () => {
    const source = new Source();
    source.history = [1, 2, 3].map(event);
    const { open } = hubOver(source);
    const keeper = await open();
    const { reader } = await open("0");
    expect(await next(reader)).toContain("id: 1\nevent");
    source.live(4);
    expect(await idsUntil(keeper.reader, "4")).toEqual(["4"]);
    expect(await idsUntil(reader, "4")).toEqual(["2", "3", "4"]);
  });

  test("a switch of another program is told once, whoever sees it first and whatever line it is seen after", async () => {
    const source = new Source();
    source.history = [event(1)];
    const { open } = hubOver(source);
    await open();
    source.history = [event(1), event("1+aaaaaaaaaaaa")];
    const { reader } = await open("0");
    expect(await idsUntil(reader, "1+aaaaaaaaaaaa")).toEqual(["1", "1+aaaaaaaaaaaa"]);
    source.live(2, "2+aaaaaaaaaaaa", "2+bbbbbbbbbbbb", 3);
    expect(await idsUntil(reader, "3")).toEqual(["2", "2+bbbbbbbbbbbb", "3"]);
  });
});

describe("one follower a store", () => {
  test("from the first connection to the last", async () => {
    const source = new Source();
    const { hub, open, beats } = hubOver(source);
    const [one, two] = await Promise.all([open(), open()]);
    await next(one.reader);
    expect([source.followers, hub.load, beats.length]).toEqual([1, { connections: 2, followers: 1 }, 1]);
    one.client.abort();
    expect([source.followers, hub.load]).toEqual([1, { connections: 1, followers: 1 }]);
    await two.reader.cancel();
    expect([hub.load, beats.length]).toEqual([{ connections: 0, followers: 0 }, 0]);
    await hub.close();
    expect(source.followers).toBe(0);
  });

  test("one that fails ends its streams, with a warning; the next connection makes another", async () => {
    const source = new Source();
    const { hub, open, warnings } = hubOver(source);
    const { reader } = await open();
    await next(reader);
    source.fail(new Error("the disk is gone"));
    expect(await next(reader)).toBe("end");
    expect(warnings).toEqual(["s: its events cannot be followed: unexpected: the disk is gone"]);
    expect(hub.load).toEqual({ connections: 0, followers: 0 });
  });

  test("a history that begins anew ends its streams", async () => {
    const source = new Source();
    source.history = [1, 2, 3].map(event);
    const { open, warnings } = hubOver(source);
    const { reader } = await open();
    await next(reader);
    source.live(1);
    expect(await next(reader)).toBe("end");
    expect(warnings).toEqual([expect.stringContaining("replaced")]);
  });

  test("closed: every stream ends after what waits, and none begins", async () => {
    const source = new Source();
    const { hub, open } = hubOver(source);
    const { reader } = await open();
    await next(reader);
    hub.tell("s", { type: "store.stale" });
    await hub.close();
    expect(await next(reader)).toMatch(/^event: store\.stale\n/);
    expect(await next(reader)).toBe("end");
    await expect(open()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect([source.followers, hub.load.connections]).toEqual([0, 0]);
  });
});

describe("besides the history", () => {
  test("notices without an id go to who is connected for the store", async () => {
    const { hub, open } = hubOver(new Source());
    hub.tell("s", { type: "store.stale" });
    const { reader } = await open();
    await next(reader);
    hub.tell("another", { type: "store.stale" });
    hub.tell("s", { type: "store.recovered", version: 7 });
    const text = await next(reader);
    expect(text).toMatch(/^event: store\.recovered\ndata: \{.*\}\n\n$/);
    expect(JSON.parse(text.split("data: ")[1] ?? "")).toEqual({
      type: "store.recovered",
      store: "s",
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      version: 7,
    });
    expect(() => hub.tell("s", { type: "two\nlines" })).toThrow(TypeError);
  });

  test("a heartbeat, where nothing waits", async () => {
    const { hub, open, beats } = hubOver(new Source());
    const { reader } = await open();
    await next(reader);
    beats[0]?.();
    expect(await next(reader)).toBe(": alive\n\n");
    hub.tell("s", { type: "store.stale" });
    beats[0]?.();
    expect(await next(reader)).toMatch(/^event: store\.stale\ndata: .*\n\n$/);
  });

  test("a client that takes nothing is cut off at 1 MiB, and the others are not", async () => {
    const { hub, open } = hubOver(new Source());
    const slow = await open();
    const quick = await open();
    const filling = "x".repeat(300_000);
    for (let index = 0; index < 4; index += 1) {
      hub.tell("s", { type: "store.stale", filling });
      await next(quick.reader);
    }
    expect(hub.load.connections).toBe(1);
    await expect(slow.reader.read()).rejects.toThrow("did not take");
    hub.tell("s", { type: "store.recovered" });
    expect(await next(quick.reader)).toContain("store.recovered");
  });
});
