import { createHash, createHmac } from "node:crypto";
import { z } from "zod";
import type { StoreEvent } from "./events.ts";
import { sha256Hex } from "./manifest.ts";

/** What a webhook may ask for: the types of events. */
export const webhookEventTypes = ["release.switched", "release.refused", "build.failed"] as const;

/** Tries of one event in one run, then the run ends and the next one goes on. */
export const attemptsPerRun = 5;

/** Tries of one event in all; then it is given up, so that one that the receiver cannot take does not hold back all others for ever. */
export const attemptsMax = 25;

/** How long a receiver has to answer: what the Standard Webhooks specification recommends at least. Milliseconds. */
export const answerMsMax = 15_000;

/** Bounds of the pause before the next try, which is longer after each: 1, 4, 16, 64 s, each between half and one and a half of it. Milliseconds. */
const pauseMs = { first: 1_000, factor: 4, max: 120_000 } as const;

/** Bytes of a secret, as the Standard Webhooks specification bounds them. */
const keyBytes = { min: 24, max: 64 } as const;

/** A receiver of a store's events. Holds secrets: never print it. */
export interface Webhook {
  /** Names its state on disk; made from its address, so that a new address is a new webhook. */
  readonly id: string;
  /** Its key in the configuration: `stores.holdings.webhooks[0]`. */
  readonly key: string;
  /** Without user and password. */
  readonly url: string;
  /** What may be shown of the address: a path can be a secret, too. */
  readonly origin: string;
  /** The `Authorization` header of an address with user and password. */
  readonly authorization: string | undefined;
  readonly secret: Buffer;
  readonly events: readonly StoreEvent["type"][];
}

/** `.lockkeeper/webhooks/<id>.json`: how far a webhook has got. */
export const webhookStateSchema = z.object({
  after: z.string().describe("Id of the last event that is done with; `0` before the first."),
  attempts: z.int().min(0).default(0).describe("Tries of the event after it."),
  failure: z.object({ time: z.string(), detail: z.string() }).optional().describe("Why the last try failed."),
  gone: z.boolean().optional().describe("The receiver answered 410: nothing is sent any more."),
  givenUp: z.int().min(0).optional().describe("Events that were never delivered."),
});

/** How far a webhook has got. */
export type WebhookState = z.infer<typeof webhookStateSchema>;

/** The address in `text`; `undefined` for what is no http or https address. */
export function webhookAddress(text: string): Pick<Webhook, "id" | "url" | "origin" | "authorization"> | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  const named = url.username !== "" || url.password !== "";
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
  url.username = "";
  url.password = "";
  return {
    id: sha256Hex(text).slice(0, 16),
    url: url.href,
    origin: url.origin,
    authorization: named ? `Basic ${Buffer.from(credentials).toString("base64")}` : undefined,
  };
}

/** A `%` that begins no escape stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The key in a secret: base64 of 24 to 64 bytes, with or without `whsec_` before it. `undefined` for any other text. */
export function webhookKey(secret: string): Buffer | undefined {
  const text = secret.trim().replace(/^whsec_/, "");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) return undefined;
  const key = Buffer.from(text, "base64");
  return key.length >= keyBytes.min && key.length <= keyBytes.max ? key : undefined;
}

/** An event as it is sent: the same body and `webhook-id` at each try, with the time of the try. */
export function signedEvent(
  webhook: Webhook,
  event: StoreEvent,
  now: Date,
): { readonly headers: Readonly<Record<string, string>>; readonly body: string } {
  const body = JSON.stringify(event);
  const id = `msg_${createHash("sha256").update(body).digest("hex").slice(0, 32)}`;
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const signature = createHmac("sha256", webhook.secret).update(`${id}.${timestamp}.${body}`).digest("base64");
  return {
    body,
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${signature}`,
      ...(webhook.authorization !== undefined && { authorization: webhook.authorization }),
    },
  };
}

/**
 * How long to wait after the try of that number, from 1 on. `random` is from 0 up to 1. A receiver's `Retry-After` counts where it is longer, as far as the
 * longest pause.
 */
export function pauseAfter(attempt: number, random: number, askedMs = 0): number {
  const pause = pauseMs.first * pauseMs.factor ** (attempt - 1) * (0.5 + random);
  return Math.min(Math.max(pause, askedMs), pauseMs.max);
}

/** Milliseconds that a `Retry-After` header asks for: seconds, or a date. 0 for none, and for what is neither. */
export function retryAfterMs(header: string | undefined, now: Date): number {
  if (header === undefined) return 0;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const time = Date.parse(header);
  return Number.isNaN(time) ? 0 : Math.max(0, time - now.getTime());
}
