import { firstLine } from "../errors/lockkeeper-error.ts";
import type { ReleaseStoreConfig } from "../model/config.ts";
import { environmentName } from "../model/environment.ts";
import type { WebhookStatus } from "../model/results.ts";
import { webhookAddress, webhookKey, type Webhook } from "../model/webhook.ts";
import { startDetached } from "../platform/detached.ts";
import { postOverHttp } from "../platform/http.ts";
import type { OperationOptions, ReleaseStore } from "../release/store.ts";
import { deliverWebhooks, pendingEvents } from "../release/webhooks/deliver.ts";
import { beginWebhooks, lastEventId, readWebhookState } from "../release/webhooks/outbox.ts";
import type { LoadedConfig } from "./config-file.ts";

/** What a webhook is told that does not say. */
export const webhookEventsDefault: readonly Webhook["events"][number][] = ["release.switched"];

const worker = new URL("./webhook-worker.js", import.meta.url);

/** A store with its settings. */
export interface ConfiguredStore {
  readonly store: ReleaseStore;
  readonly settings: ReleaseStoreConfig;
}

/** The webhooks of a store, and a sentence for each that cannot be used here; no sentence holds an address or a secret. */
export function storeWebhooks(
  name: string,
  { webhooks = [] }: Pick<ReleaseStoreConfig, "webhooks">,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): { readonly usable: readonly Webhook[]; readonly problems: readonly string[] } {
  const usable: Webhook[] = [];
  const problems: string[] = [];
  for (const [index, settings] of webhooks.entries()) {
    const key = `stores.${name}.webhooks[${index}]`;
    const variable = environmentName(settings.url);
    const address = webhookAddress(variable === undefined ? settings.url : (environment[variable] ?? ""));
    const secretVariable = environmentName(settings.secret) ?? "";
    const secret = webhookKey(environment[secretVariable] ?? "");
    const same = usable.find(({ id }) => id === address?.id);
    if (address === undefined) problems.push(`${key}.url: the variable ${variable} does not hold an http or https address`);
    else if (same) problems.push(`${key}.url: is the address of ${same.key}; say its events there`);
    else if (!secret) problems.push(`${key}.secret: ${secretProblem(secretVariable, environment[secretVariable])}`);
    else usable.push({ ...address, key, secret, events: settings.events ?? webhookEventsDefault });
  }
  return { usable, problems };
}

function secretProblem(variable: string, value: string | undefined): string {
  if (value === undefined || value === "") return `the variable ${variable} is not set`;
  return `the variable ${variable} must hold base64 of 24 to 64 bytes, with or without "whsec_" before it`;
}

/**
 * Runs an operation that may add events, and lets a process of its own deliver them: neither a receiver nor anything that goes wrong here can
 * fail or delay the operation, beyond the start of that process. What goes wrong is a warning.
 */
export async function announcing<Result>(
  loaded: LoadedConfig,
  { store, settings }: ConfiguredStore,
  { options, action }: { readonly options: OperationOptions; readonly action: () => Promise<Result> },
): Promise<Result> {
  const { usable, problems } = storeWebhooks(store.name, settings);
  if (options.dryRun || (usable.length === 0 && problems.length === 0)) return action();
  const warn = (what: string) => options.onProgress?.({ kind: "warning", detail: `webhooks: ${what}` });
  for (const problem of problems) warn(`nothing is sent: ${problem}`);
  const safely = (step: () => Promise<void>) => step().catch((error: unknown) => warn(firstLine(error)));
  const isNew = (webhook: Webhook) => readWebhookState(store, webhook) === undefined;
  const began = (await store.platform.files.stat(store.paths.own).catch(() => undefined)) !== undefined;
  if (began) await safely(async () => begin(store, usable.filter(isNew)));
  try {
    return await action();
  } finally {
    await safely(async () => {
      if ((await store.platform.files.stat(store.paths.own)) === undefined || usable.length === 0) return;
      // The first publish made the folder, and with it everything that has ever happened.
      if (!began) await beginWebhooks(store, usable.filter(isNew), "0");
      await startDetached(worker, [loaded.path, store.name]);
    });
  }
}

async function begin(store: ReleaseStore, fresh: readonly Webhook[]): Promise<void> {
  if (fresh.length > 0) await beginWebhooks(store, fresh, await lastEventId(store));
}

/** How far each webhook of some stores has got; with `deliver` after sending what is due. Throws where a store cannot be read or written. */
export async function webhookStatus(
  stores: readonly ConfiguredStore[],
  { deliver = false, signal }: { readonly deliver?: boolean | undefined; readonly signal?: AbortSignal | undefined },
): Promise<WebhookStatus[]> {
  const told: WebhookStatus[] = [];
  for (const { store, settings } of stores) {
    const { usable, problems } = storeWebhooks(store.name, settings);
    const free = !deliver || usable.length === 0 || (await deliverWebhooks(store, usable, { send: postOverHttp, signal }));
    for (const webhook of usable) told.push(await statusOf(store, webhook, free));
    told.push(
      ...problems.map((detail) => ({ store: store.name, status: "fail" as const, events: [], pending: 0, detail: [detail] })),
    );
  }
  return told;
}

async function statusOf(store: ReleaseStore, webhook: Webhook, free: boolean): Promise<WebhookStatus> {
  const state = readWebhookState(store, webhook);
  const pending = (await pendingEvents(store, webhook)).length;
  const { gone = false, failure, givenUp = 0 } = state ?? {};
  const detail = [
    ...(gone ? ["the receiver answered 410: nothing is sent to this address any more"] : []),
    ...(failure && !gone ? [`the last try failed at ${failure.time}: ${failure.detail}`] : []),
    ...(givenUp > 0 ? [`events given up: ${givenUp}`] : []),
    ...(free ? [] : ["another process delivers"]),
  ];
  const passing = givenUp > 0 ? "warn" : "pass";
  return {
    store: store.name,
    webhook: webhook.id,
    origin: webhook.origin,
    status: gone || failure !== undefined ? "fail" : passing,
    events: [...webhook.events],
    ...(state && { after: state.after }),
    pending,
    detail,
  };
}
