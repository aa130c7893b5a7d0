import { expect, test } from "vitest";
import { AnswerCache, type CachedAnswer } from "../../src/server/cache.ts";

const stays = new AbortController().signal;

function answer(bytes: number): CachedAnswer {
  return { bytes: new Uint8Array(bytes), headers: {} };
}

test("keeps what was asked for last within its bytes, and never more", async () => {
  const cache = new AnswerCache(20_000);
  const make = () => Promise.resolve(answer(4_000));
  for (const key of ["a", "b", "c", "d"]) await cache.share(key, stays, make);
  expect(cache.get("a")).toBeDefined();
  await cache.share("e", stays, make);
  expect(["a", "b", "c", "d", "e"].filter((key) => cache.get(key) !== undefined)).toEqual(["a", "c", "d", "e"]);
  expect(cache.size.bytes).toBeLessThanOrEqual(20_000);
});

test("an answer that would take the place of most others is not kept; with 0 bytes nothing is", async () => {
  const cache = new AnswerCache(20_000);
  await cache.share("a", stays, () => Promise.resolve(answer(5_000)));
  expect(cache.get("a")).toBeUndefined();
  const none = new AnswerCache(0);
  await none.share("a", stays, () => Promise.resolve(answer(0)));
  expect(none.size).toEqual({ entries: 0, bytes: 0 });
});

test("one that is being made is shared; one who goes harms nobody, and when all have gone it is aborted", async () => {
  const cache = new AnswerCache(20_000);
  let made = 0;
  let signalOfMaking: AbortSignal | undefined;
  let finish: (answer: CachedAnswer) => void = () => undefined;
  const make = (signal: AbortSignal) => {
    made += 1;
    signalOfMaking = signal;
    return new Promise<CachedAnswer>((resolve, reject) => {
      finish = resolve;
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
  };
  const goes = new AbortController();
  const first = cache.share("a", goes.signal, make);
  const second = cache.share("a", stays, make);
  goes.abort(new Error("gone"));
  await expect(first).rejects.toThrow("gone");
  expect(signalOfMaking?.aborted).toBe(false);
  finish(answer(1));
  await expect(second).resolves.toMatchObject({ headers: {} });
  expect(made).toBe(1);

  const alone = new AbortController();
  const third = cache.share("b", alone.signal, make);
  alone.abort(new Error("gone"));
  await expect(third).rejects.toThrow("gone");
  expect(signalOfMaking?.aborted).toBe(true);
  expect(made).toBe(2);
});

test("what failed is told to all who waited, and made again for the next", async () => {
  const cache = new AnswerCache(20_000);
  const fail = () => Promise.reject(new Error("no"));
  const both = [cache.share("a", stays, fail), cache.share("a", stays, fail)];
  await expect(Promise.allSettled(both)).resolves.toMatchObject([{ status: "rejected" }, { status: "rejected" }]);
  await expect(cache.share("a", stays, () => Promise.resolve(answer(1)))).resolves.toBeDefined();
});
