import { httpErrorOf, type LockkeeperHttpError } from "./http-error.ts";
import { KeptAnswers } from "./kept-answers.ts";
import type { ClientOptions } from "./options.ts";
import type { CallOptions } from "./types.ts";
import { wait } from "./wait.ts";

/** How often one thing is asked for, at most. */
const triesMax = 3;
/** Who is told to wait for longer decides himself. Milliseconds. */
const retryAfterMsMax = 10_000;
const timeoutMsDefault = 30_000;
const cacheBytesDefault = 8_000_000;

/** One thing that is asked for. */
export interface Asked {
  /** Below the client's address: `/v1/stores`. */
  readonly path: string;
  readonly query?: URLSearchParams | undefined;
  /** Whose versions the answer counts among. */
  readonly store?: string | undefined;
  /** Whether it names its release, which then is as old as it is. */
  readonly pinned?: boolean | undefined;
}

/** Sends requests, keeps answers, and remembers how far each store has got. */
export class Requests {
  readonly #base: string;
  readonly #options: ClientOptions;
  readonly #kept: KeptAnswers;
  readonly #versions = new Map<string, number>();

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#kept = new KeptAnswers(options.cacheBytes ?? cacheBytesDefault);
    const page = (globalThis as { readonly location?: { readonly href: string } }).location?.href;
    const url = new URL(options.url, page);
    this.#base = `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  }

  /** A JSON answer. Asks again where the server is busy and says when; throws `LockkeeperHttpError`, the signal's reason, and what `fetch` throws. */
  async get<Answer>(asked: Asked, options: CallOptions = {}): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#tryGet(asked, options);
      if ("answer" in outcome) return outcome.answer as Answer;
      const { status, retryAfterMs } = outcome.failed;
      const again = attempt < triesMax && (status === 503 || status === 429);
      if (!again || retryAfterMs === undefined || retryAfterMs > retryAfterMsMax) throw outcome.failed;
      await wait(retryAfterMs, options.signal);
    }
  }

  /** Sends a JSON body once. */
  async post<Answer>(
    asked: Asked,
    { body, headers }: { readonly body: unknown; readonly headers: Readonly<Record<string, string>> },
    options: CallOptions = {},
  ): Promise<Answer> {
    const response = await this.send(asked, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { ...headers, "Content-Type": "application/json", Accept: "application/json" },
      signal: this.#signalOf(options),
    });
    if (!response.ok) throw await httpErrorOf(response);
    this.#noteVersion(asked, response);
    return (await response.json()) as Answer;
  }

  /** One request, as it is. */
  send({ path, query }: Asked, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    const { token } = this.#options;
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    const ask = this.#options.fetch ?? globalThis.fetch;
    return ask(this.#addressOf({ path, query }), { ...init, headers });
  }

  /** What a store's answers must not fall behind. */
  noteVersion(store: string, version: number): void {
    this.#versions.set(store, Math.max(version, this.#versions.get(store) ?? 0));
  }

  /** How long one answer may take. Milliseconds. */
  timeoutMs({ timeoutMs }: Pick<CallOptions, "timeoutMs">): number {
    return timeoutMs ?? this.#options.timeoutMs ?? timeoutMsDefault;
  }

  async #tryGet(
    asked: Asked,
    options: CallOptions,
  ): Promise<{ readonly answer: unknown } | { readonly failed: LockkeeperHttpError }> {
    const url = this.#addressOf(asked);
    const kept = this.#kept.get(url);
    const headers = new Headers({ Accept: "application/json", ...(kept && { "If-None-Match": kept.etag }) });
    const known = asked.store === undefined || asked.pinned === true ? undefined : this.#versions.get(asked.store);
    if (known !== undefined && this.#options.minVersion !== false) headers.set("Min-Version", String(known));
    const response = await this.send(asked, { headers, signal: this.#signalOf(options) });
    if (response.status === 304 && kept) {
      this.#noteVersion(asked, response);
      return { answer: JSON.parse(kept.text) as unknown };
    }
    if (!response.ok) return { failed: await httpErrorOf(response) };
    const text = await response.text();
    const answer: unknown = JSON.parse(text);
    const etag = response.headers.get("ETag");
    if (etag !== null) this.#kept.set(url, { etag, text });
    this.#noteVersion(asked, response);
    return { answer };
  }

  #noteVersion({ store }: Asked, { headers }: Response): void {
    const version = headers.get("Data-Version");
    if (store !== undefined && version !== null && /^\d{1,15}$/.test(version)) this.noteVersion(store, Number(version));
  }

  #addressOf({ path, query }: Pick<Asked, "path" | "query">): string {
    const text = query?.toString() ?? "";
    return `${this.#base}${path}${text === "" ? "" : `?${text}`}`;
  }

  #signalOf(options: CallOptions): AbortSignal {
    const timeout = AbortSignal.timeout(this.timeoutMs(options));
    return options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  }
}
