import { describe, expect, it } from "vitest";
import { nodePlatform } from "../../src/platform/node.ts";
import { withinTime } from "../../src/server/time-limit.ts";
import { testServer } from "./support/server.ts";

const { clock } = nodePlatform();

/** Ends as what it was given to listen to ends. */
const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
  });

describe("withinTime", () => {
  it("gives what the action gives, and leaves no timer", async () => {
    const { signal } = new AbortController();
    expect(await withinTime({ clock, maxMs: 3_600_000, signal }, () => Promise.resolve(7))).toBe(7);
    await expect(withinTime({ clock, maxMs: 3_600_000, signal }, () => Promise.reject(new Error("own")))).rejects.toThrow("own");
  });

  it("stops what runs longer, and names the limit; a caller who goes is not told of one", async () => {
    const caller = new AbortController();
    await expect(withinTime({ clock, maxMs: 5, signal: caller.signal }, untilAborted)).rejects.toMatchObject({
      code: "LIMIT_TIME",
      message: "the request ran longer than 5 ms",
    });
    const gone = withinTime({ clock, maxMs: 3_600_000, signal: caller.signal }, untilAborted);
    caller.abort();
    await expect(gone).rejects.toThrow("stopped");
  });
});

describe("the differences between two releases", () => {
  it("may take as long as a query may: 504, and the place is free again", async () => {
    const config = (time: string) =>
      `format = 1\n[serve.limits]\ntime = "${time}"\nconcurrency = 1\n[stores.holdings]\nkind = "release"\ndir = "data/holdings"\n`;
    const test = await testServer(config("1ms"));
    for (const factor of [1, 2]) {
      await test.publish("holdings", `CREATE TABLE t AS SELECT range * ${factor} AS n FROM range(500000)`);
    }
    const address = "/v1/stores/holdings/diff?from=r000001&to=r000002";
    for (const _ of [1, 2]) {
      const { status, body } = await test.json(address);
      expect([status, body["code"], body["detail"]]).toEqual([504, "LIMIT_TIME", expect.stringContaining("longer than 1 ms")]);
    }
    expect(test.server.context.gate.load).toEqual({ running: 0, waiting: 0 });
  });
});
