import type { Platform } from "../platform/port.ts";

/** Gives each request a name: random for this server, then a count, for a random number a request would cost more than all else that is told of it. 16 hex digits. */
export function requestIds({ random }: Pick<Platform, "random">): () => string {
  const own = random(4);
  let count = 0;
  return () => {
    count = (count + 1) % 2 ** 32;
    return own + count.toString(16).padStart(8, "0");
  };
}
