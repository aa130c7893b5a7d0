import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A server that answers as a test says, and what it was asked. */
export interface Scripted {
  readonly url: string;
  readonly requests: readonly IncomingMessage[];
}

/** What answers one request. */
export type Step = (response: ServerResponse, request: IncomingMessage) => void;

/** Listens on 127.0.0.1; the last step answers whatever comes after it. */
export async function scripted(...steps: readonly Step[]): Promise<Scripted> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    const step = steps[Math.min(requests.length, steps.length) - 1];
    step?.(response, request);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/data/`, requests };
}

/** Answers with JSON. */
export function json(body: unknown, headers: Readonly<Record<string, string>> = {}, status = 200): Step {
  return (response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

/** Answers that the server is busy. */
export function busy(headers: Readonly<Record<string, string>> = { "Retry-After": "0" }, status = 503): Step {
  return json({ code: "OVERLOADED", detail: "busy", hint: "Ask again shortly.", status }, headers, status);
}
