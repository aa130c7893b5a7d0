import { errorCodes, type ErrorCategory, type ErrorCode } from "../../errors/codes.ts";
import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { ServeSettings } from "../../model/serve-config.ts";
import { publicError } from "../problem.ts";
import { jsonReply, type Reply } from "../reply.ts";
import type { RequestContext } from "../route.ts";

/** Says that an answer without rows is one for want of data. */
export const unavailableHeaders = { "Data-Status": "unavailable" } as const;

/** Families of errors that say that there is no data to be had, whoever asks for what. */
const families: ReadonlySet<ErrorCategory> = new Set(["corrupt", "unsupported"]);
const codes: ReadonlySet<ErrorCode> = new Set(["NO_RELEASE", "UNAVAILABLE", "FILE_MISSING", "FILE_LOCKED"]);

/** Whether an error says that a store has no data that can be read, and not that a request was wrong, or one too many. */
export function isUnavailable(error: unknown): boolean {
  return isLockkeeperError(error) && (codes.has(error.code) || families.has(errorCodes[error.code].category));
}

/**
 * The answer, or what stands for it where there is no data: an empty body with a header that says so, or 503, as the server is set up. Who asks for one version at least is told that it is not
 * there.
 */
export async function orUnavailable(
  { unavailable }: Pick<ServeSettings, "unavailable">,
  request: RequestContext,
  { make, empty }: { readonly make: () => Promise<Reply>; readonly empty: () => unknown },
): Promise<Reply> {
  try {
    return await make();
  } catch (error) {
    if (!isUnavailable(error) || request.req.header("Min-Version") !== undefined) throw error;
    if (unavailable === "503") throw isLockkeeperError(error, "NO_RELEASE", "UNAVAILABLE") ? error : closed(error);
    return { ...jsonReply(empty(), { headers: unavailableHeaders }), ...(request.req.method === "HEAD" && { body: null }) };
  }
}

function closed(cause: unknown): Error {
  return publicError("UNAVAILABLE", "there is no data that can be read now", { cause });
}
