import { errorCodes, type ErrorCategory, type ErrorCode } from "../errors/codes.ts";
import { firstLine, isLockkeeperError, LockkeeperError, type ErrorDetails } from "../errors/lockkeeper-error.ts";
import type { Reply } from "./reply.ts";

/** Status codes by family; `statusOfCode` has the exceptions. */
const statusOfCategory: Readonly<Record<ErrorCategory, number>> = {
  failed: 500,
  usage: 400,
  findings: 500,
  notFound: 404,
  locked: 409,
  conflict: 409,
  corrupt: 500,
  unsupported: 500,
  limit: 503,
  unavailable: 503,
  denied: 500,
  bug: 500,
  interrupted: 503,
};

const statusOfCode: Partial<Record<ErrorCode, number>> = {
  TOKEN_REFUSED: 401,
  LEVEL_REFUSED: 403,
  SCOPE_MISSING: 403,
  SCOPE_REFUSED: 403,
  METHOD_REFUSED: 405,
  FORMAT_REFUSED: 406,
  PAGE_GONE: 410,
  VERSION_CHANGED: 412,
  REQUEST_TOO_LARGE: 413,
  HOST_REFUSED: 421,
  KEY_REUSED: 422,
  // The request is understood; its answer is more than may be given.
  LIMIT_ROWS: 422,
  LIMIT_BYTES: 422,
  PRECONDITION_MISSING: 428,
  TOO_MANY_REQUESTS: 429,
  // Nothing the caller said is wrong: a store without a release will have one.
  NO_RELEASE: 503,
  LIMIT_TIME: 504,
  // What a caller may say wrong is refused before it comes here: what is left is a fault of the configuration.
  USAGE: 500,
  CONFIG_INVALID: 500,
  CONFIG_MISSING: 500,
  FEATURE_MISSING: 500,
  QUERY_REFUSED: 500,
  BIND_FAILED: 500,
  FILE_MISSING: 500,
  BUILD_UNKNOWN: 500,
};

/** Seconds after which a client may ask again, where it makes sense to. */
const retryAfterS = 1;

/** The body of an error's answer, RFC 9457; `model/http.ts` has the schema. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly hint?: string;
}

/** Errors that were made here, for callers: nothing in them comes from a path, a statement or a driver. */
const shown = new WeakSet<LockkeeperError>();

/** Errors of other parts whose words hold nothing but numbers. */
const harmless: ReadonlySet<ErrorCode> = new Set(["LIMIT_ROWS", "LIMIT_BYTES", "LIMIT_TIME"]);

/** An error whose words a caller may read. Every other error is told by its code alone, for its words may hold paths and data. */
export function publicError(code: ErrorCode, message: string, details: ErrorDetails = {}): LockkeeperError {
  const error = new LockkeeperError(code, message, details);
  shown.add(error);
  return error;
}

/** The status code of an error. */
export function statusOf(code: ErrorCode): number {
  return statusOfCode[code] ?? statusOfCategory[errorCodes[code].category];
}

/** Anything thrown, as an error of ours. */
export function asLockkeeperError(error: unknown): LockkeeperError {
  if (isLockkeeperError(error)) return error;
  return new LockkeeperError("BUG", `unexpected: ${firstLine(error)}`, { cause: error });
}

/** What a caller is told of an error. */
export function problemOf(error: LockkeeperError, { status = statusOf(error.code) }: { readonly status?: number } = {}): Problem {
  const { code } = error;
  return {
    type: `urn:lockkeeper:error:${code.toLowerCase().replaceAll("_", "-")}`,
    title: titles[status] ?? "Error",
    status,
    code,
    ...wordsOf(error),
  };
}

function wordsOf(error: LockkeeperError): Pick<Problem, "detail" | "hint"> {
  const { code, message, hint, subject } = error;
  if (shown.has(error) || harmless.has(code)) return { detail: message, ...(hint !== undefined && { hint }) };
  if (code === "RELEASE_UNKNOWN") {
    return { detail: `release ${JSON.stringify(subject)} is not kept`, hint: "The address ending in /releases lists what is." };
  }
  return { detail: `${errorCodes[code].returnedWhen}; the server's log says more` };
}

/** The reply of an error. */
export function problemReply(
  error: LockkeeperError,
  options: { readonly status?: number } = {},
): Reply & { readonly body: string } {
  const problem = problemOf(error, options);
  const { status } = problem;
  const headers: Record<string, string> = { "Content-Type": "application/problem+json", "Cache-Control": "no-store" };
  if (error.retriable && (status === 429 || status === 503)) headers["Retry-After"] = String(retryAfterS);
  // One challenge for every reason: who guesses tokens learns nothing from it.
  if (status === 401) headers["WWW-Authenticate"] = 'Bearer realm="lockkeeper"';
  return { status, headers, body: `${JSON.stringify(problem)}\n` };
}

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  417: "Expectation Failed",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  499: "Client Closed Request",
  500: "Internal Server Error",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};
