/** How a client is made. */
export interface ClientOptions {
  /** Where the server is: `http://127.0.0.1:4600`, or where its routes are mounted. In a browser it may be relative to the page. */
  readonly url: string | URL;
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string | undefined;
  /** Default: the global one. */
  readonly fetch?: typeof fetch | undefined;
  /** How long one answer may take, to its last byte; also of each try. Milliseconds, default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Whether an answer is never older than one that this client has had, whichever process of the server gives it. Default true. */
  readonly minVersion?: boolean | undefined;
  /** Answers that are kept, to be asked for by their ETag. Bytes of their text, default 8,000,000; 0 keeps none. */
  readonly cacheBytes?: number | undefined;
}
