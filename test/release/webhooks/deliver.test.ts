import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  attemptsMax,
  attemptsPerRun,
  webhookAddress,
  webhookKey,
  type Webhook,
  type WebhookState,
} from "../../../src/model/webhook.ts";
import { postOverHttp } from "../../../src/platform/http.ts";
import type { ReleaseStore } from "../../../src/release/store.ts";
import { deliverMsMax, deliverWebhooks, pendingEvents, type SendEvent } from "../../../src/release/webhooks/deliver.ts";
import { beginWebhooks, readWebhookState } from "../../../src/release/webhooks/outbox.ts";
import { expectSigned, hookSecret, startReceiver } from "../../support/receiver.ts";
import { recorded } from "../../support/recorded.ts";
import { storeIn } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** A store with events and no data, whose pauses take no time but move the clock. */
function storeWith(...types: string[]): {
  readonly store: ReleaseStore;
  readonly pauses: number[];
  add(...types: string[]): void;
} {
  const real = storeIn(temporaryFolder());
  const pauses: number[] = [];
  let passed = 0;
  let id = 0;
  const { clock } = real.platform;
  const quick = {
    ...clock,
    monotonicMs: () => clock.monotonicMs() + passed,
    wait: (ms: number) => {
      pauses.push(ms);
      passed += ms;
      return Promise.resolve();
    },
  };
  mkdirSync(real.paths.own, { recursive: true });
  const add = (...more: string[]) => {
    for (const type of more) {
      id += 1;
      const line = {
        id,
        type,
        store: "holdings",
        time: `2026-11-21T03:00:0${id % 10}.000Z`,
        release: `r00000${id}`,
        version: id,
      };
      appendFileSync(real.paths.history, `${JSON.stringify(line)}\n`);
    }
  };
  add(...types);
  return { store: { ...real, platform: { ...real.platform, clock: quick } }, pauses, add };
}

function hookOf(url: string, events: Webhook["events"] = ["release.switched"]): Webhook {
  const address = webhookAddress(url);
  const secret = webhookKey(hookSecret);
  if (!address || !secret) throw new Error(`${url} cannot be used`);
  return { ...address, key: "stores.holdings.webhooks[0]", secret, events };
}

const stateOf = (store: ReleaseStore, webhook: Webhook): WebhookState | undefined => readWebhookState(store, webhook);
const deliver = (store: ReleaseStore, webhook: Webhook, send: SendEvent = postOverHttp) =>
  deliverWebhooks(store, [webhook], { send });
const switched = "release.switched";

test("what a webhook asks for is sent once, signed, in order; what came before it was known is not", async () => {
  const { store, add } = storeWith(switched);
  const receiver = await startReceiver();
  const hook = hookOf(receiver.url, ["release.switched", "release.refused"]);
  await deliver(store, hook);
  expect(receiver.requests).toEqual([]);
  add("build.failed", "release.refused", switched);
  await deliver(store, hook);
  await deliver(store, hook);
  expect(receiver.requests.map(({ body }) => [body["id"], body["type"], body["store"], body["version"]])).toEqual([
    [3, "release.refused", "holdings", 3],
    [4, switched, "holdings", 4],
  ]);
  expectSigned(receiver.requests);
  expect(new Set(receiver.requests.map(({ id }) => id)).size).toBe(2);
  expect(stateOf(store, hook)).toEqual({ after: "4", attempts: 0 });
});

test("500, then 200: the same webhook-id again, and the next event after it", async () => {
  const { store, pauses } = storeWith(switched, switched);
  const receiver = await startReceiver((index) => (index === 0 ? 500 : 200));
  const hook = hookOf(receiver.url);
  await beginWebhooks(store, [hook], "0");
  await deliver(store, hook);
  const [first, again, second] = receiver.requests.map(({ id }) => id);
  expect(receiver.requests.map(({ body }) => body["id"])).toEqual([1, 1, 2]);
  expect(again).toBe(first);
  expect(second).not.toBe(first);
  expect(pauses).toHaveLength(1);
  expect(pauses[0]).toBeGreaterThanOrEqual(500);
  expect(pauses[0]).toBeLessThan(1500);
});

test("a run ends after some tries and keeps why; the next delivers what is left, in order; one that is never taken is given up", async () => {
  const { store, add, pauses } = storeWith(switched);
  let status = 404;
  const receiver = await startReceiver(() => status);
  const hook = hookOf(receiver.url);
  await beginWebhooks(store, [hook], "0");
  await deliver(store, hook);
  expect(receiver.requests).toHaveLength(attemptsPerRun);
  expect(pauses).toHaveLength(attemptsPerRun - 1);
  expect(stateOf(store, hook)).toMatchObject({
    after: "0",
    attempts: attemptsPerRun,
    failure: { detail: "the receiver answered 404" },
  });
  add(switched);
  expect(await pendingEvents(store, hook)).toHaveLength(2);
  status = 200;
  await deliver(store, hook);
  expect(receiver.requests.slice(attemptsPerRun).map(({ body }) => body["id"])).toEqual([1, 2]);
  expect(stateOf(store, hook)).toEqual({ after: "2", attempts: 0 });
  add(switched, switched);
  status = 400;
  for (let run = 0; run < attemptsMax / attemptsPerRun; run += 1) await deliver(store, hook);
  expect(stateOf(store, hook)).toMatchObject({ after: "2", attempts: attemptsMax });
  status = 200;
  await deliver(store, hook);
  expect(receiver.requests.at(-1)?.body["id"]).toBe(4);
  expect(stateOf(store, hook)).toEqual({ after: "4", attempts: 0, givenUp: 1 });
});

test("410 ends a webhook for good; another address is another webhook", async () => {
  const { store, add } = storeWith(switched);
  const receiver = await startReceiver((index) => (index === 0 ? 410 : 200));
  const hook = hookOf(receiver.url);
  await beginWebhooks(store, [hook], "0");
  await deliver(store, hook);
  add(switched);
  await deliver(store, hook);
  expect(receiver.requests).toHaveLength(1);
  expect(stateOf(store, hook)).toMatchObject({ after: "0", gone: true });
  const other = hookOf(`${receiver.url}?again`);
  await beginWebhooks(store, [other], "1");
  await deliver(store, other);
  expect(receiver.requests.at(-1)?.body["id"]).toBe(2);
});

test("a redirect is not followed, and Retry-After is waited for within its bound", async () => {
  const { store, pauses } = storeWith(switched);
  const elsewhere = await startReceiver();
  const receiver = await startReceiver((index) => {
    if (index === 0) return { status: 307, headers: { location: elsewhere.url } };
    if (index === 1) return { status: 503, headers: { "retry-after": "30" } };
    return index === 2 ? { status: 429, headers: { "retry-after": "999999" } } : 200;
  });
  const hook = hookOf(receiver.url);
  await beginWebhooks(store, [hook], "0");
  await deliver(store, hook);
  expect(elsewhere.requests).toEqual([]);
  expect(receiver.requests).toHaveLength(4);
  expect(pauses.slice(1)).toEqual([30_000, 120_000]);
});

test("an address's user and password become a header, and stand in no state and in no failure", async () => {
  const { store } = storeWith(switched);
  const receiver = await startReceiver((index) => (index === 0 ? 500 : 200));
  const hook = hookOf(receiver.url.replace("http://", "http://ann:s%40fe@"));
  await beginWebhooks(store, [hook], "0");
  await deliver(store, hook);
  expect(receiver.requests.at(-1)?.headers.authorization).toBe(`Basic ${Buffer.from("ann:s@fe").toString("base64")}`);
  expect(hook.origin).toBe(`http://127.0.0.1:${receiver.port}`);
  await receiver.close();
  const down = hookOf(receiver.url.replace("http://", "http://ann:safe@"));
  await beginWebhooks(store, [down], "0");
  await deliver(store, down);
  const text = readFileSync(join(store.paths.webhooks, `${down.id}.json`), "utf8");
  expect(text).toContain("ECONNREFUSED");
  expect(text).not.toMatch(/safe|ann|hook"/);
});

test("webhooks do not wait for each other, and a run has an end: what is left is for the next", async () => {
  const { store } = storeWith(switched, switched);
  const slow = hookOf("http://127.0.0.1:9/slow");
  const quick = hookOf("http://127.0.0.1:9/quick");
  await beginWebhooks(store, [slow, quick], "0");
  const sent: string[] = [];
  const { clock } = store.platform;
  const send: SendEvent = async ({ url, timeoutMs }) => {
    sent.push(url);
    if (url.endsWith("/quick")) return { status: 200, retryAfter: undefined };
    while (stateOf(store, quick)?.after !== "2") await new Promise((resolve) => setImmediate(resolve));
    expect(timeoutMs).toBeLessThanOrEqual(deliverMsMax);
    await clock.wait(deliverMsMax);
    return "no answer within 15 s";
  };
  expect(await deliverWebhooks(store, [slow, quick], { send })).toBe(true);
  expect(sent.toSorted()).toEqual([quick.url, quick.url, slow.url]);
  expect(stateOf(store, slow)).toMatchObject({ after: "0", attempts: 1 });
});

test("one process at a time; what came meanwhile is sent by the one that is at it", async () => {
  const { store, add } = storeWith(switched);
  const hook = hookOf("http://127.0.0.1:9/hook");
  await beginWebhooks(store, [hook], "0");
  const sent: unknown[] = [];
  const send: SendEvent = async ({ body }) => {
    sent.push((JSON.parse(body) as { id: unknown }).id);
    if (sent.length === 1) {
      add(switched);
      expect(await deliver(store, hook, () => Promise.reject(new Error("two deliverers")))).toBe(false);
    }
    return { status: 200, retryAfter: undefined };
  };
  expect(await deliver(store, hook, send)).toBe(true);
  expect(sent).toEqual([1, 2]);
});

test("a history that was replaced, or a state that is damaged, begins at the first event: rather twice than not at all", async () => {
  const { store } = storeWith(switched);
  const receiver = await startReceiver();
  const hook = hookOf(receiver.url);
  await beginWebhooks(store, [hook], "7");
  await deliver(store, hook);
  expect(receiver.requests.map(({ body }) => body["id"])).toEqual([1]);
  for (const text of ["", "{", '{"after": 7}', "[]"]) {
    writeFileSync(join(store.paths.webhooks, `${hook.id}.json`), text);
    await deliver(store, hook);
  }
  expect(receiver.requests).toHaveLength(5);
  expect(new Set(receiver.requests.map(({ id }) => id)).size).toBe(1);
  expect(stateOf(store, hook)).toEqual({ after: "1", attempts: 0 });
});

test("an event is sent when its line and the note of the one before it are durable; so is the beginning of a webhook", async () => {
  const { store, steps } = recorded(storeWith(switched, switched).store);
  const hook = hookOf("http://127.0.0.1:9/hook");
  const path = `/.lockkeeper/webhooks/${hook.id}.json`;
  const folder = "fsync /.lockkeeper/webhooks";
  await beginWebhooks(store, [hook], "0");
  expect(steps.splice(0).slice(-2)).toEqual([`fsync ${path}`, folder]);
  const send: SendEvent = async ({ body }) => {
    steps.push(`send ${String((JSON.parse(body) as { id: unknown }).id)}`);
    return { status: 200, retryAfter: undefined };
  };
  await deliver(store, hook, send);
  const temporary = `/.lockkeeper/webhooks/.${hook.id}.json.*.tmp`;
  const kept = [`fsync ${temporary}`, `rename ${temporary} ${path}`, folder];
  // What is told is in the history for good; the last look finds nothing new.
  const history = "fsync /.lockkeeper/history.jsonl";
  expect(steps).toEqual([history, "send 1", ...kept, "send 2", ...kept, history]);
});

test("what a killed deliverer was writing is removed by the next one, and nothing else is", async () => {
  const { store } = storeWith(switched);
  const hook = hookOf("http://127.0.0.1:9/hook");
  await beginWebhooks(store, [hook], "0");
  const path = (name: string) => join(store.paths.webhooks, name);
  for (const name of [`.${hook.id}.json.0123456789ab.tmp`, "notes.tmp"]) writeFileSync(path(name), "{");
  await deliver(store, hook, () => Promise.resolve({ status: 200, retryAfter: undefined }));
  expect(readdirSync(store.paths.webhooks).toSorted()).toEqual([`${hook.id}.json`, "deliver.lock", "notes.tmp"].toSorted());
});
