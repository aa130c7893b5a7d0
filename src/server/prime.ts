import { firstLine } from "../errors/lockkeeper-error.ts";
import type { NamedQuery } from "../model/named-query.ts";
import { parseParameters } from "../model/query-request.ts";
import type { BorrowedRelease } from "../reader/reader.ts";
import type { ServerContext } from "./context.ts";
import { keyOf } from "./answer.ts";
import { identityOf, wholeResult, type ResultForm } from "./result.ts";
import { resultOf } from "./routes/queries.ts";

/** A release waits for its priming no longer: what is not ready by then is made when it is asked for. Milliseconds. */
const primeMaxMs = 2_000;

const plain: ResultForm = { format: "json", shape: "rows", guard: false };

/**
 * Runs the named queries of a store that need no parameter on a release that is about to serve, and keeps their answers: who asks first after a switch waits no longer than
 * others. One that fails is told to `warn`, for it worked on the release before.
 */
export async function primeAnswers(
  context: Pick<ServerContext, "cache" | "clock" | "limits" | "queries">,
  {
    store,
    release,
    warn,
  }: { readonly store: string; readonly release: BorrowedRelease; readonly warn: (message: string) => void },
): Promise<void> {
  const queries = (await context.queries.list(store).catch(() => [])).filter(({ parameters }) =>
    parameters.every((parameter) => parameter.default !== undefined),
  );
  if (queries.length === 0) return;
  const over = new AbortController();
  const late = context.clock.wait(primeMaxMs, { signal: over.signal, idle: true }).then(
    () => over.abort(new Error("priming took too long")),
    () => undefined,
  );
  for (const named of queries) {
    if (over.signal.aborted) break;
    await prime(context, { store, release, named, signal: over.signal }).catch((error: unknown) => {
      if (!over.signal.aborted) warn(`the query ${named.name} fails on release ${release.release}: ${firstLine(error)}`);
    });
  }
  over.abort();
  await late;
}

async function prime(
  context: Pick<ServerContext, "cache" | "limits">,
  work: { readonly store: string; readonly release: BorrowedRelease; readonly named: NamedQuery; readonly signal: AbortSignal },
): Promise<void> {
  const { store, release, named, signal } = work;
  const { values } = parseParameters(named, new Map());
  if (values === undefined) return;
  const result = { ...resultOf(context, store, { named, values }), form: plain };
  await context.cache.share(keyOf(release, identityOf(result)), signal, (shared) =>
    wholeResult(context, result, { release, signal: shared }),
  );
}
