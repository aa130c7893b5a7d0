import { createHash } from "node:crypto";
import { buildIdPattern, releaseIdPattern } from "../model/names.ts";
import type { BorrowedRelease, BorrowOptions, ReleaseIdentity } from "../reader/reader.ts";
import type { AnswerCache, CachedAnswer } from "./cache.ts";
import type { Gate } from "./gate.ts";
import { Memo } from "./memo.ts";
import { publicError } from "./problem.ts";
import type { Reply } from "./reply.ts";
import type { RequestContext } from "./route.ts";
import type { ServedStores } from "./stores.ts";
import { begun, bodyOf } from "./stream-body.ts";

/** A release as answers are made from it. */
export type ServedRelease = BorrowedRelease<number | undefined>;

/** An answer whose length is not known before its end. */
export interface StreamedAnswer {
  readonly stream: AsyncIterable<Uint8Array>;
  readonly headers: Readonly<Record<string, string>>;
}

/** What answers are made with. */
export interface AnswerTools {
  readonly stores: ServedStores;
  readonly cache: AnswerCache;
  /** For answers that are made whole. */
  readonly gate: Gate;
  /** For answers that are streamed: they last as long as their receiver takes, so they have places of their own. */
  readonly streamGate: Gate;
}

/** Lets a request read a release, or refuses: before its ETag is compared and before anything is taken from what is kept. */
export interface Admission {
  /** What `look` came to, where that is known at once; else `undefined`. Throws what refuses. */
  readonly known: (release: ReleaseIdentity<number | undefined>) => string | undefined;
  /** What the answer depends on besides its identity; empty for nothing. Throws what refuses. */
  readonly look: (release: ServedRelease, signal: AbortSignal) => Promise<string>;
}

/** An answer from a release's data. */
export interface DataAnswer {
  readonly store: string;
  /** This release instead of the active one. */
  readonly release?: string | undefined;
  /** Everything but the release that the answer depends on, in one spelling: part of its ETag and of its key in the cache. */
  readonly identity: string;
  /** Whether the caller may be answered from a release, and what the answer then depends on besides. */
  readonly admission?: Admission | undefined;
  /** Refuses a release before anything is answered from it. */
  readonly assertRelease?: ((release: Pick<ReleaseIdentity, "uid">) => void) | undefined;
  /** Makes it whole, so that it can be kept; or streams it. */
  readonly make:
    | { readonly whole: (release: ServedRelease, signal: AbortSignal) => Promise<CachedAnswer> }
    | { readonly streamed: (release: ServedRelease, signal: AbortSignal) => Promise<StreamedAnswer> };
}

/**
 * Answers from one release, held from the first look to the last byte. What the caller has already is told by its ETag, before any query and
 * before any waiting. Throws what borrowing and making throw.
 */
export async function answerData(tools: AnswerTools, request: RequestContext, answer: DataAnswer): Promise<Reply> {
  const reader = await tools.stores.reader(answer.store);
  const options = new Asked(request, answer.release);
  if (options.release === undefined) {
    const serving = reader.serving(options);
    const admitted = serving && (answer.admission ? answer.admission.known(serving) : "");
    const known = serving && admitted !== undefined && answerKnown(tools, request, { answer, release: serving, admitted });
    if (known) return known;
  }
  const lend = async (release: ServedRelease, respond: (reply: Reply) => void): Promise<void> => {
    const admitted = await admit(answer, release, options);
    const known = answerKnown(tools, request, { answer, release, admitted });
    if (known) return respond(known);
    const key = keyOf(release, identified(answer, admitted));
    const headers = dataHeaders(release, key, answer.release);
    if ("streamed" in answer.make)
      return streamed(tools, { request, release, headers, signal: options.signal, make: answer.make.streamed, respond });
    const made = await whole(tools, { request, release, signal: options.signal, key, make: answer.make.whole });
    respond(wholeReply(made, headers));
  };
  return new Promise<Reply>((resolve, reject) => {
    reader.borrow((release) => lend(release, resolve), options).catch(reject);
  });
}

async function admit({ admission }: DataAnswer, release: ServedRelease, asked: Asked): Promise<string> {
  if (admission === undefined) return "";
  return admission.known(release) ?? (await admission.look(release, asked.signal));
}

function identified({ identity }: DataAnswer, admitted: string): string {
  return admitted === "" ? identity : `${identity} ${admitted}`;
}

/** The answer that needs no data of the release: the caller has it already, wants no body, or it is kept. Throws what `assertRelease` throws. */
function answerKnown(
  { cache }: AnswerTools,
  request: RequestContext,
  {
    answer,
    release,
    admitted,
  }: { readonly answer: DataAnswer; readonly release: ReleaseIdentity<number | undefined>; readonly admitted: string },
): Reply | undefined {
  answer.assertRelease?.(release);
  const key = keyOf(release, identified(answer, admitted));
  const headers = dataHeaders(release, key, answer.release);
  const bodiless = conditional(request, headers);
  if (bodiless) return bodiless;
  if ("streamed" in answer.make) return undefined;
  const kept = cache.get(key);
  return kept && wholeReply(kept, headers);
}

/**
 * What a request asks of the release it is answered from. A class, for an object written with a getter has a shape of its own, which keeps the request until the
 * slow collection of what is old.
 */
class Asked implements BorrowOptions {
  readonly release: string | undefined;
  readonly minVersion: number | undefined;
  readonly #request: RequestContext;

  constructor(request: RequestContext, release: string | undefined) {
    this.release = release;
    this.minVersion = minVersionOf(request);
    this.#request = request;
  }

  /** Made only where something waits: most requests need no signal, and one costs as much as all of their headers. */
  get signal(): AbortSignal {
    return this.#request.req.raw.signal;
  }
}

/** `Min-Version` of a request. Throws `REQUEST_INVALID`. */
export function minVersionOf(request: RequestContext): number | undefined {
  const text = request.req.header("Min-Version");
  if (text === undefined) return undefined;
  const version = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(version)) return version;
  throw publicError("REQUEST_INVALID", "the header Min-Version is no version", {
    hint: "It is a whole number, as Data-Version tells it.",
  });
}

/** What an answer is kept under: a release that is active again after a rollback has another version, which the answer tells. */
export function keyOf({ uid, version }: Pick<ReleaseIdentity<number | undefined>, "uid" | "version">, identity: string): string {
  return `${uid} ${version} ${identity}`;
}

/** The place among waiting requests that a request counts for: its token's, else that of its address. */
export function clientOf(request: RequestContext): string {
  const { name } = request.get("principal");
  return name === "anonymous" ? request.get("remote") : `token ${name}`;
}

/** Headers lately told. A key is about as long as the address that was asked, so `serve.limits.url` bounds them all. */
const lately = new Memo<DataHeaders>(1_000);

type DataHeaders = Readonly<Record<string, string>> & { readonly ETag: string };

function dataHeaders(release: ReleaseIdentity<number | undefined>, key: string, named: string | undefined): DataHeaders {
  return lately.get(named === undefined ? key : `${named} ${key}`, () => newHeaders(release, key, named));
}

function newHeaders(release: ReleaseIdentity<number | undefined>, key: string, named: string | undefined): DataHeaders {
  return {
    ETag: `W/"${release.uid.slice(0, 16)}-${createHash("sha256").update(key).digest("base64url").slice(0, 16)}"`,
    // Only ids that are never given again are for ever; another program's release may come again under its name. Of a release that is rolled back to only the version
    // changes, which is not its data.
    "Cache-Control": named !== undefined && isLasting(named) ? "private, max-age=31536000, immutable" : "private, no-cache",
    "Data-Release": release.release,
    Vary: "Accept, Authorization, Accept-Encoding",
    ...(release.version !== undefined && { "Data-Version": String(release.version) }),
  };
}

function isLasting(release: string): boolean {
  return releaseIdPattern.test(release) || buildIdPattern.test(release);
}

/** The answer to a request that needs no body: 304, or the headers of a HEAD. */
function conditional(request: RequestContext, headers: DataHeaders): Reply | undefined {
  const known = request.req.header("If-None-Match");
  if (known !== undefined && matches(known, headers.ETag)) return { status: 304, headers, body: null };
  return request.req.method === "HEAD" ? { status: 200, headers, body: null } : undefined;
}

/** Weak comparison, RFC 9110 13.1.2. */
function matches(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch.trim() === "*") return true;
  const opaque = etag.replace(/^W\//, "");
  return ifNoneMatch.split(",").some((each) => each.trim().replace(/^W\//, "") === opaque);
}

interface Making {
  readonly request: RequestContext;
  readonly release: ServedRelease;
  readonly signal: AbortSignal;
}

function wholeReply({ bytes, headers: own }: CachedAnswer, headers: DataHeaders): Reply {
  const length = { "Content-Length": String(bytes.byteLength) };
  return { status: 200, headers: Object.assign({}, headers, own, length), body: bytes };
}

async function whole(
  { cache, gate }: AnswerTools,
  {
    request,
    release,
    signal,
    key,
    make,
  }: Making & {
    readonly key: string;
    readonly make: (release: ServedRelease, signal: AbortSignal) => Promise<CachedAnswer>;
  },
): Promise<CachedAnswer> {
  const client = clientOf(request);
  const makeInTurn = async (shared: AbortSignal): Promise<CachedAnswer> => {
    const leave = await gate.enter(client, shared);
    try {
      return await make(release, shared);
    } finally {
      leave();
    }
  };
  let making: Promise<CachedAnswer> | undefined;
  try {
    return await cache.share(key, signal, (shared) => (making = makeInTurn(shared)));
  } finally {
    // Whoever joined needs this borrow of the release, also when this request's own caller has gone.
    await making?.catch(() => undefined);
  }
}

async function streamed(
  { streamGate }: AnswerTools,
  {
    request,
    release,
    headers,
    signal,
    make,
    respond,
  }: Making & {
    readonly make: (release: ServedRelease, signal: AbortSignal) => Promise<StreamedAnswer>;
    readonly headers: DataHeaders;
    readonly respond: (reply: Reply) => void;
  },
): Promise<void> {
  const leave = await streamGate.enter(clientOf(request), signal);
  try {
    const made = await make(release, signal);
    const source = await begun(made.stream);
    const { body, done } = bodyOf(source, signal);
    respond({ status: 200, headers: { ...headers, ...made.headers }, body });
    await done;
  } finally {
    leave();
  }
}
