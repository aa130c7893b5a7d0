import type { CachedAnswer } from "./cache.ts";

/** A JSON document as an answer that can be kept. */
export function jsonAnswer(document: unknown): CachedAnswer {
  return { bytes: Buffer.from(`${JSON.stringify(document)}\n`), headers: { "Content-Type": "application/json" } };
}
