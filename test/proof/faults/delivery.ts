import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { publish } from "../../../src/release/publish.ts";
import { beginWebhooks } from "../../../src/release/webhooks/outbox.ts";
import { storeWebhooks } from "../../../src/workspace/webhooks.ts";
import { distUrl, startProgram, type Child } from "../../support/child.ts";
import { hookSecret } from "../../support/receiver.ts";
import { rowsBuild, storeIn } from "../../support/store.ts";
import { storeFolder } from "./operations.ts";

/** Ids of the events that a webhook asks for after `prepareEvents`; the others are failed builds. */
export const asked = [1, 3] as const;

/** A store with two switches, a failed build after each. */
export async function prepareEvents(root: string): Promise<void> {
  const store = storeIn(storeFolder(root));
  for (const rows of [1, 2]) {
    await publish(store, rowsBuild(rows));
    const failing = { kind: "function", build: () => Promise.reject(new Error("no input today")) } as const;
    await publish(store, failing).catch(() => undefined);
  }
}

/** Writes a configuration whose webhook begins before the first event; returns its path. */
export async function configureWebhook(root: string, url: string): Promise<string> {
  const config = join(root, "lockkeeper.toml");
  const store = `kind = "release"\ndir = "data/holdings"\nlayout = "slots"\nbasename = "DB"`;
  const secret = "env:HOOK_SECRET";
  writeFileSync(
    config,
    `format = 1\n[stores.holdings]\n${store}\n[[stores.holdings.webhooks]]\nurl = "${url}"\nsecret = "${secret}"\n`,
  );
  const { usable } = storeWebhooks("holdings", { webhooks: [{ url, secret }] }, { HOOK_SECRET: hookSecret });
  await beginWebhooks(storeIn(storeFolder(root)), usable, "0");
  return config;
}

/** The process that a publish starts for its webhooks, with its stderr to be read. */
export function startDeliverer(config: string, failpoints: string): Child {
  const worker = fileURLToPath(distUrl("workspace/webhook-worker.js"));
  const env = { HOOK_SECRET: hookSecret, LOCKKEEPER_FAILPOINTS: failpoints };
  return startProgram([process.execPath, worker, config, "holdings"], { env });
}
