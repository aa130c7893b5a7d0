import type { WebhookStatus } from "../../model/results.ts";
import type { CommandContext, Outcome } from "../context.ts";
import type { Style } from "../render/style.ts";
import { printable, tableLines } from "../render/text.ts";
import { withWorkspace } from "../workspace.ts";

interface Input {
  readonly store: string | undefined;
  readonly deliver?: boolean;
}

/** `webhooks [STORE]`: 3 when one cannot be used or its last try failed. */
export async function run({ store, deliver }: Input, context: CommandContext): Promise<Outcome> {
  return withWorkspace(context, async (workspace) => {
    const webhooks = await workspace.webhooks({ store, deliver });
    return {
      word: "webhooks",
      body: { webhooks },
      exit: webhooks.some(({ status }) => status === "fail") ? 3 : 0,
      text: (style) => webhooksText(webhooks, style),
    };
  });
}

function webhooksText(webhooks: readonly WebhookStatus[], style: Style): string {
  if (webhooks.length === 0) return "There are no webhooks.";
  const rows = webhooks.map((webhook) => [
    webhook.store,
    webhook.status,
    webhook.origin ?? "-",
    webhook.events.join(", ") || "-",
    webhook.after ?? "-",
    String(webhook.pending),
  ]);
  const details = webhooks.flatMap(({ store, detail }) => detail.map((text) => `${style.yellow(store)}: ${printable(text)}`));
  return [
    ...tableLines(["store", "status", "receiver", "events", "done", "pending"], rows, { style, right: new Set([5]) }),
    ...(details.length > 0 ? ["", ...details] : []),
  ].join("\n");
}
