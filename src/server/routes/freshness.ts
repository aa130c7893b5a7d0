import { dataFreshnessAnswer, dbStatusAnswer, noQuery } from "../../model/http.ts";
import type { Reader } from "../../reader/reader.ts";
import type { ServerContext } from "../context.ts";
import { defaultStoreOf } from "../default-store.ts";
import { jsonReply } from "../reply.ts";
import { route, type RequestContext, type Route } from "../route.ts";

/** What front ends ask about the default store: how fresh its data is, and what its reader has open. */
export function freshnessRoutes(context: ServerContext): Route[] {
  const errors = ["STORE_UNKNOWN", "NO_RELEASE"] as const;
  const freshness = route(
    {
      method: "get",
      path: "/api/data-freshness",
      id: "dataFreshness",
      summary: "How fresh the data of the default store is",
      level: "read",
      querySchema: noQuery,
      answers: { 200: { description: "Its age and version.", content: { "application/json": dataFreshnessAnswer } } },
      errors,
    },
    async ({ request }) => {
      const { store, reader } = await defaultReader(context, request);
      const { active, servingVersion, lastUpdated, release } = reader.status();
      const [published] = await context.workspace.freshness({ store });
      // The published release's record tells how far the data reaches; of another one that is still served it says nothing.
      const reach = published?.release === release ? published.lastDataLoadDate : undefined;
      return jsonReply({
        lastDataLoadDate: reach ?? lastUpdated,
        dbVersion: servingVersion,
        lastUpdated,
        active,
        servingVersion,
        timestamp: context.clock.now().toISOString(),
      });
    },
  );
  const status = route(
    {
      method: "get",
      path: "/api/db-status",
      id: "dbStatus",
      summary: "What the reader of the default store has open",
      level: "read",
      querySchema: noQuery,
      answers: { 200: { description: "Its generations.", content: { "application/json": dbStatusAnswer } } },
      errors,
    },
    async ({ request }) => {
      const { reader } = await defaultReader(context, request);
      const { ok, active, servingVersion, publishedVersion, generations, lastManifestError } = reader.status();
      return jsonReply({
        ok,
        active,
        servingVersion,
        publishedVersion,
        generations: generations.map(({ id, state, version, inFlightRequests }) => ({ id, state, version, inFlightRequests })),
        // The message may hold paths.
        lastManifestError: lastManifestError && { code: lastManifestError.code, message: "the server's log says more" },
      });
    },
  );
  return [freshness, status];
}

async function defaultReader(
  context: ServerContext,
  request: RequestContext,
): Promise<{ readonly store: string; readonly reader: Reader }> {
  const store = defaultStoreOf(context, request);
  return { store, reader: await context.stores.reader(store) };
}
