/** An answer that is an error: the fields of its problem+json, RFC 9457. */
export class LockkeeperHttpError extends Error {
  override readonly name = "LockkeeperHttpError";
  /** As docs/errors.md lists them; `HTTP_<status>` where the answer was not the server's own, but something's between. */
  readonly code: string;
  readonly status: number;
  /** What to do next. */
  readonly hint: string | undefined;
  /** When to ask again, where the server says so. Milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    fields: {
      readonly code: string;
      readonly status: number;
      readonly hint: string | undefined;
      readonly retryAfterMs: number | undefined;
    },
  ) {
    super(message);
    this.code = fields.code;
    this.status = fields.status;
    this.hint = fields.hint;
    this.retryAfterMs = fields.retryAfterMs;
  }
}

/** What of an answer's body is read where it is an error. Characters. */
const problemCharactersMax = 64_000;

/** The error that an answer tells. Reads its body. */
export async function httpErrorOf(response: Response): Promise<LockkeeperHttpError> {
  const { status, headers } = response;
  const problem = problemIn(await response.text().catch(() => ""));
  const hint = problem["hint"];
  const code = problem["code"];
  const detail = problem["detail"];
  return new LockkeeperHttpError(typeof detail === "string" ? detail : `the answer is ${status}`, {
    code: typeof code === "string" ? code : `HTTP_${status}`,
    status,
    hint: typeof hint === "string" ? hint : undefined,
    retryAfterMs: retryAfterMs(headers.get("Retry-After")),
  });
}

function problemIn(text: string): Readonly<Record<string, unknown>> {
  if (text.length > problemCharactersMax) return {};
  try {
    const problem: unknown = JSON.parse(text);
    return typeof problem === "object" && problem !== null ? (problem as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Seconds; a date, which the header may hold, too, depends on two clocks. */
function retryAfterMs(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : undefined;
}
