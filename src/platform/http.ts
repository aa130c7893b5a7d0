import { errnoOf } from "./io-error.ts";

/** A request with a body. */
export interface PostRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** For the head of the answer. Milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The head of an answer; its body is never read. */
export interface PostAnswer {
  readonly status: number;
  /** The header `Retry-After`. */
  readonly retryAfter: string | undefined;
}

/**
 * Sends a POST. Follows no redirect and reads no body. What kept an answer from coming is a short text without the address, which may be
 * secret: `ECONNREFUSED`, `no answer within 15 s`. Never rejects.
 */
export async function postOverHttp(request: PostRequest): Promise<PostAnswer | string> {
  const { url, headers, body, timeoutMs, signal } = request;
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers,
      body,
      redirect: "manual",
      signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
    });
    // A body without an end would keep the connection, and with it this process.
    await answer.body?.cancel().catch(() => undefined);
    return { status: answer.status, retryAfter: answer.headers.get("retry-after") ?? undefined };
  } catch (error) {
    if (timeout.aborted) return `no answer within ${Math.round(timeoutMs / 1000)} s`;
    if (signal?.aborted) return "stopped";
    const cause = error instanceof Error ? error.cause : undefined;
    return errnoOf(cause) ?? errnoOf(error) ?? "the request could not be sent";
  }
}
