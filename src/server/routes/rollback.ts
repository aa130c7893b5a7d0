import { isLockkeeperError, type LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { z } from "zod";
import { noQuery, rollbackAnswer, rollbackBody, storePath } from "../../model/http.ts";
import type { SwitchResult } from "../../model/results.ts";
import { readJsonBody } from "../body.ts";
import type { ServerContext } from "../context.ts";
import { IdempotencyKeys } from "../idempotency.ts";
import { jsonReply } from "../reply.ts";
import { publicError } from "../problem.ts";
import { parsed, route, type RequestContext, type Route } from "../route.ts";

/** How long a rollback waits for another writer. A publish holds the lock for its switch only. Milliseconds. */
const lockWaitMs = 10_000;

/** Going back, over HTTP. */
export function rollbackRoutes(context: ServerContext): Route[] {
  const { stores, clock, limits } = context;
  const keys = new IdempotencyKeys(clock);
  const rollback = route(
    {
      method: "post",
      path: "/v1/stores/{store}/rollback",
      id: "rollback",
      summary: "Make an older release active again, under a new version",
      level: "admin",
      pathSchema: storePath,
      querySchema: noQuery,
      requestHeaders: {
        "If-Match": 'The version to go back from, in quotes: "42". Another one that is active by now is 412.',
        "Idempotency-Key": "A request sent again with the same key is done once.",
      },
      body: rollbackBody,
      answers: { 200: { description: "What is active now.", content: { "application/json": rollbackAnswer } } },
      errors: [
        "STORE_UNKNOWN",
        "NO_RELEASE",
        "RELEASE_UNKNOWN",
        "PRECONDITION_MISSING",
        "VERSION_CHANGED",
        "KEY_REUSED",
        "REQUEST_TOO_LARGE",
        "WRITER_LOCKED",
        "SLOT_BUSY",
        "FOREIGN_MANIFEST",
        "MANIFEST_GONE",
        "MANIFEST_MOVED",
      ],
    },
    async ({ request, path: { store } }) => {
      stores.assertKnown(store);
      const fromVersion = versionOf(request.req.header("If-Match"));
      const body = parsed(rollbackBody, await readJsonBody(request, limits.bodyBytesMax), "body");
      const {
        store: _,
        outcome: __,
        plan: ___,
        ...result
      } = await keys.once(
        {
          key: request.req.header("Idempotency-Key"),
          caller: request.get("principal").name,
          request: [store, fromVersion, body],
        },
        () => goBack(context, { store, fromVersion, body, request }),
      );
      return jsonReply(
        { store, ...result },
        { headers: { "Data-Version": String(result.version), "Data-Release": result.release } },
      );
    },
  );
  return [rollback];
}

interface Order {
  readonly store: string;
  readonly fromVersion: number;
  readonly body: z.infer<typeof rollbackBody>;
  readonly request: RequestContext;
}

/** Not interrupted when the caller goes: whoever sends it again is told what came of it. */
async function goBack({ workspace }: ServerContext, { store, fromVersion, body, request }: Order): Promise<SwitchResult> {
  const reason = `${body.reason} (by ${request.get("principal").name}, over HTTP)`;
  try {
    return await workspace.rollback(store, { ...body, reason, fromVersion, waitMs: lockWaitMs });
  } catch (error) {
    if (!isLockkeeperError(error, "VERSION_CHANGED")) throw error;
    throw changed(error);
  }
}

function changed(cause: LockkeeperError): LockkeeperError {
  return publicError("VERSION_CHANGED", cause.message, { hint: "Look at what is active now, and decide again.", cause });
}

function versionOf(ifMatch: string | undefined): number {
  if (ifMatch === undefined) {
    throw publicError("PRECONDITION_MISSING", "If-Match is missing: the version that you go back from", {
      hint: 'Send it as Data-Version tells it, in quotes: If-Match: "42".',
    });
  }
  const [, digits = ""] = /^\s*"(\d{1,16})"\s*$/.exec(ifMatch) ?? [];
  if (digits !== "" && Number.isSafeInteger(Number(digits))) return Number(digits);
  throw publicError("REQUEST_INVALID", "If-Match is no version", { hint: 'Send one version in quotes: If-Match: "42".' });
}
