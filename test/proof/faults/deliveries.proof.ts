import { expect, test, vi } from "vitest";
import { openWorkspace } from "../../../src/workspace/workspace.ts";
import { expectSigned, hookSecret, startReceiver, type Received } from "../../support/receiver.ts";
import { proofLedger } from "../ledger.ts";
import { auditStore } from "./audit.ts";
import { asked, configureWebhook, prepareEvents, startDeliverer } from "./delivery.ts";
import { failpointsIn, folderMaker, inParallel, storeFolder } from "./operations.ts";

const ledger = proofLedger("kills", "deliveries");

/** While a refused try is noted, too: the same steps after another answer. */
const afterRefusal = ["webhook.written#1", "webhook.synced#1", "webhook.renamed#1", "webhook.done#1"];

const numbers = (requests: readonly Received[]) => requests.map(({ body }) => body["id"]);

/** What `webhooks --deliver` says, in this process; it sends what is due. */
async function deliverRest(config: string): Promise<unknown> {
  const workspace = await openWorkspace({ config });
  try {
    return await workspace.webhooks({ deliver: true });
  } finally {
    await workspace.close();
  }
}

/** Kills a deliverer at a failpoint, then delivers what is left. Returns how many events came twice: 0 or 1. */
async function killAndGoOn(root: string, at: string, refuses: boolean): Promise<number> {
  const point = `${at}${refuses ? " after a refusal" : ""}`;
  const receiver = await startReceiver((index) => (refuses && index === 0 ? 500 : 204));
  const config = await configureWebhook(root, receiver.url);
  const child = startDeliverer(config, `${at}=kill`);
  expect(await child.ended, `killed at ${point}: ${child.stderr()}`).toMatchObject({ signal: "SIGKILL" });
  const left = await auditStore(storeFolder(root), { acknowledged: 2 });
  expect(left.complaints, `killed at ${point}`).toEqual([]);
  const accepted = () => receiver.requests.slice(refuses ? 1 : 0);
  const before = accepted();
  expect(numbers(before), `killed at ${point}`).toEqual(asked.slice(0, before.length));
  expect(await deliverRest(config), `killed at ${point}`).toMatchObject([{ status: "pass", after: "4", pending: 0, detail: [] }]);
  const after = accepted().slice(before.length);
  // Only the one under way when the process died may come again, and then comes first, as the same message.
  const again = after[0]?.body["id"] === before.at(-1)?.body["id"] ? after.slice(0, 1) : [];
  expect(numbers([...before, ...after.slice(again.length)]), `killed at ${point}`).toEqual(asked);
  for (const { id, body } of again)
    expect({ id, body }, `killed at ${point}`).toMatchObject({ id: before.at(-1)?.id, body: before.at(-1)?.body });
  expectSigned(receiver.requests);
  const { length } = receiver.requests;
  await deliverRest(config);
  expect(receiver.requests, `killed at ${point}`).toHaveLength(length);
  expect((await auditStore(storeFolder(root), { acknowledged: 2, clean: true })).complaints, `killed at ${point}`).toEqual([]);
  await receiver.close();
  return again.length;
}

test("a deliverer killed at every failpoint: the next one sends what is missing, in order", async () => {
  vi.stubEnv("HOOK_SECRET", hookSecret);
  const folders = folderMaker();
  const prepared = { prepare: prepareEvents };
  const receiver = await startReceiver();
  const whole = startDeliverer(await configureWebhook(await folders.of(prepared), receiver.url), "*=tell");
  await whole.ended;
  expect(numbers(receiver.requests)).toEqual(asked);
  const points = failpointsIn(whole.stderr());
  const kills = [...points.map((at) => ({ at, refuses: false })), ...afterRefusal.map((at) => ({ at, refuses: true }))];
  const twice: string[] = [];
  await inParallel(kills, 2, async ({ at, refuses }) => {
    const again = await killAndGoOn(await folders.of(prepared), at, refuses);
    if (again > 0) twice.push(refuses ? `${at} after a refusal` : at);
  });
  // Between the answer and the note of it, and at no other place; the third note is of what is passed over.
  const unnoted = points.filter((at) => /^webhook\.(accepted|written|synced)#[12]$/.test(at));
  expect(unnoted).toHaveLength(6);
  expect(twice.toSorted()).toEqual(unnoted.toSorted());
  vi.unstubAllEnvs();
  ledger.add({
    operation: "delivery of events to a webhook",
    fault: "kill -9 at each failpoint that it passes, after an answer of 204 and of 500",
    outcome:
      "locks free; the next delivery sends what is missing, in order, nothing is lost; an event comes twice only where the kill was between its answer and the note of it, with the same webhook-id",
    count: kills.length,
  });
});
