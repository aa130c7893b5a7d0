import { expect, test } from "vitest";
import { Gate } from "../../src/server/gate.ts";
import { FakeClock } from "../reader/support/fake-clock.ts";

const stays = new AbortController().signal;

function gate(queueMax = 4): { readonly gate: Gate; readonly clock: FakeClock } {
  const clock = new FakeClock();
  return { clock, gate: new Gate({ concurrency: 2, queueMax, queueWaitMs: 1000 }, clock) };
}

test("as many as may run at once, the others in the order in which they came", async () => {
  const { gate: under } = gate();
  const entered: string[] = [];
  const enter = async (client: string) => {
    const leave = await under.enter(client, stays);
    entered.push(client);
    return leave;
  };
  const first = await enter("a");
  const second = await enter("b");
  const waiting = [enter("c"), enter("d"), enter("e")];
  await Promise.resolve();
  expect(under.load).toEqual({ running: 2, waiting: 3 });
  first();
  first();
  (await waiting[0])?.();
  second();
  (await waiting[1])?.();
  (await waiting[2])?.();
  expect(entered).toEqual(["a", "b", "c", "d", "e"]);
  expect(under.load).toEqual({ running: 0, waiting: 0 });
});

test("a full queue turns away, and one client has half of it at most", async () => {
  const { gate: under } = gate();
  await under.enter("a", stays);
  await under.enter("a", stays);
  const waiting = [under.enter("a", stays), under.enter("a", stays)];
  await expect(under.enter("a", stays)).rejects.toMatchObject({ code: "TOO_MANY_REQUESTS" });
  waiting.push(under.enter("b", stays), under.enter("b", stays));
  await expect(under.enter("c", stays)).rejects.toMatchObject({ code: "OVERLOADED" });
  expect(under.load).toEqual({ running: 2, waiting: 4 });
});

test("without a queue the next one is turned away at once", async () => {
  const { gate: under } = gate(0);
  await under.enter("a", stays);
  await under.enter("a", stays);
  await expect(under.enter("b", stays)).rejects.toMatchObject({ code: "OVERLOADED" });
});

test("who waits too long, or goes, leaves the queue and takes no place", async () => {
  const { gate: under, clock } = gate();
  const leave = await under.enter("a", stays);
  await under.enter("a", stays);
  const reasonOf = (entering: Promise<unknown>) =>
    entering.then(
      () => "entered",
      (error: unknown) => (error as { code?: string; message: string }).code ?? (error as Error).message,
    );
  const late = reasonOf(under.enter("b", stays));
  const goes = new AbortController();
  const gone = reasonOf(under.enter("c", goes.signal));
  goes.abort(new Error("gone"));
  expect(await gone).toBe("gone");
  await clock.advance(1000);
  expect(await late).toBe("OVERLOADED");
  expect(under.load).toEqual({ running: 2, waiting: 0 });
  leave();
  expect(under.load).toEqual({ running: 1, waiting: 0 });
  expect(clock.pending).toBe(0);
});
