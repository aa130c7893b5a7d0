import type { CachedAnswer } from "./cache.ts";

/** A JSON document as an answer that can be kept. */
export function jsonAnswer(document: unknown): CachedAnswer {
  return { bytes: Buffer.from(`${JSON.stringify(document)}\n`), headers: { "Content-Type": "application/json" } };
}

/** A JSON document as an answer that is told anew each time. */
export function jsonResponse(
  document: unknown,
  init: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): Response {
  const headers = { "Content-Type": "application/json", "Cache-Control": "no-store", ...init.headers };
  return new Response(`${JSON.stringify(document)}\n`, { status: init.status ?? 200, headers });
}
