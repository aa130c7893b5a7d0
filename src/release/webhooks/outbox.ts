import { join } from "node:path";
import { webhookStateSchema, type Webhook, type WebhookState } from "../../model/webhook.ts";
import { isTemporary, makeFolders, replaceFile, writeNewFile } from "../../platform/files.ts";
import { errnoOf, ioError } from "../../platform/io-error.ts";
import { storeEvents } from "../events.ts";
import type { ReleaseStore } from "../store.ts";

const stateBytesMax = 64 * 1024;

/** Where one that cannot be read begins: rather twice than not at all. */
const fromTheFirst: WebhookState = { after: "0", attempts: 0 };

function pathOf(store: ReleaseStore, { id }: Pick<Webhook, "id">): string {
  return join(store.paths.webhooks, `${id}.json`);
}

/** How far a webhook has got; `undefined` for one that was never looked after. A file that is damaged means from the first event on. */
export function readWebhookState(store: ReleaseStore, webhook: Pick<Webhook, "id">): WebhookState | undefined {
  const path = pathOf(store, webhook);
  try {
    const read = store.platform.files.readNow(path, stateBytesMax);
    if (read === undefined) return undefined;
    return webhookStateSchema.parse(JSON.parse(read.bytes?.toString("utf8") ?? ""));
  } catch (error) {
    if (errnoOf(error) !== undefined) throw ioError(error, "read", path);
    return fromTheFirst;
  }
}

/** Keeps how far a webhook has got, durably. */
export async function writeWebhookState(store: ReleaseStore, webhook: Webhook, state: WebhookState): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(state, null, 2)}\n`);
  await replaceFile(store.platform, { path: pathOf(store, webhook), bytes, failpoint: "webhook" });
}

/** Removes what a deliverer that was killed was writing. Only under the webhook lock, where no other can be at it. */
export async function removeUnfinishedStates(store: ReleaseStore): Promise<void> {
  const { files } = store.platform;
  for (const name of await files.list(store.paths.webhooks)) {
    if (isTemporary(name)) await files.removeFile(join(store.paths.webhooks, name));
  }
}

/**
 * Lets each webhook that is new begin after the event `after`: what happened before it was configured is not sent. Durable when it returns:
 * a beginning that a power cut takes back would be made again after the events of the operation that it was made for.
 */
export async function beginWebhooks(store: ReleaseStore, webhooks: readonly Webhook[], after: string): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify({ after, attempts: 0 } satisfies WebhookState, null, 2)}\n`);
  await makeFolders(store.platform, store.paths.own, store.paths.webhooks);
  for (const webhook of webhooks) {
    const path = pathOf(store, webhook);
    try {
      await writeNewFile(store.platform, { path, bytes, failpoint: "webhook" });
    } catch (error) {
      // Another publisher was first, and what it saw was no later.
      if (errnoOf(error) !== "EEXIST") throw ioError(error, "make", path);
    }
  }
  await store.platform.files.syncFolder(store.paths.webhooks);
}

/** Id of the last event of a store as text; `0` where nothing has happened yet. */
export async function lastEventId(store: ReleaseStore): Promise<string> {
  let last = "0";
  for await (const { id } of storeEvents([store])) last = String(id);
  return last;
}
