import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished } from "vitest";

/** 24 bytes, as a receiver of Standard Webhooks is given them. */
export const hookSecret = `whsec_${Buffer.from("twenty-four bytes of key").toString("base64")}`;

/** A request that came in. */
export interface Received {
  readonly id: string;
  readonly body: Record<string, unknown>;
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
}

/** A receiver of webhooks on this machine. */
export interface Receiver {
  readonly url: string;
  readonly port: number;
  /** Everything that came in so far, in order. */
  readonly requests: readonly Received[];
  /** Resolves with the first `count` requests once they are there. */
  first(count: number): Promise<readonly Received[]>;
  close(): Promise<void>;
}

/** What a receiver answers to its `index`th request, from 0 on: a status, or `never`; headers, where some are given. */
export type Answers = (index: number) => number | "never" | { readonly status: number; readonly headers: Record<string, string> };

/** Listens on 127.0.0.1, checks every signature, and answers; closed when the test has finished. */
export async function startReceiver(answers: Answers = () => 204, port = 0): Promise<Receiver> {
  const requests: Received[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const server = createServer((request, response) => {
    void received(request).then((one) => {
      requests.push(one);
      answer(response, answers(requests.length - 1));
      for (const { count, resolve } of waiting) if (requests.length >= count) resolve();
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const { port: bound } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  onTestFinished(close);
  return {
    url: `http://127.0.0.1:${bound}/hook`,
    port: bound,
    requests,
    async first(count) {
      if (requests.length < count) await new Promise<void>((resolve) => waiting.push({ count, resolve }));
      return requests.slice(0, count);
    },
    close,
  };
}

function answer(response: ServerResponse, wanted: ReturnType<Answers>): void {
  if (wanted === "never") return;
  const { status, headers } = typeof wanted === "number" ? { status: wanted, headers: {} } : wanted;
  response.writeHead(status, headers).end();
}

async function received(request: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return {
    id: String(request.headers["webhook-id"]),
    body: { ...(JSON.parse(text) as Record<string, unknown>), ...(isSigned(request.headers, text) ? {} : { unsigned: true }) },
    headers: request.headers,
    path: request.url ?? "",
  };
}

/** As the Standard Webhooks specification has receivers do it. */
function isSigned(headers: IncomingHttpHeaders, body: string): boolean {
  const key = Buffer.from(hookSecret.slice("whsec_".length), "base64");
  const signed = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`;
  return headers["webhook-signature"] === `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
}

/** Every request has a signature that fits, a fresh time and an id without a full stop. */
export function expectSigned(requests: readonly Received[]): void {
  for (const { id, body, headers } of requests) {
    expect(body).not.toHaveProperty("unsigned");
    expect(id).toMatch(/^msg_[0-9a-f]{32}$/);
    expect(Math.abs(Number(headers["webhook-timestamp"]) - Date.now() / 1000)).toBeLessThan(600);
    expect(headers["content-type"]).toBe("application/json");
  }
}
