/** What a route replies, until the app makes a response of it: in plain fields, which cost nothing to add to. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | ReadableStream<Uint8Array> | null;
}

/** A JSON document that is told anew each time. */
export function jsonReply(
  document: unknown,
  { status = 200, headers }: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): Reply {
  return {
    status,
    headers: { "Content-Type": "application/json", "Cache-Control": "no-store", ...headers },
    body: `${JSON.stringify(document)}\n`,
  };
}

/** The reply as fetch has it. */
export function responseOf({ status, headers, body }: Reply): Response {
  return new Response(body as ConstructorParameters<typeof Response>[0], { status, headers });
}
