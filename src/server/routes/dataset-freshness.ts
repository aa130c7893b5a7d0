import { datasetFreshnessAnswer, datasetPath, datasetsFreshnessAnswer } from "../../model/analytics.ts";
import { noQuery } from "../../model/http.ts";
import type { ServerContext } from "../context.ts";
import { datasetFreshness } from "../datasets/freshness.ts";
import { findDataset } from "../datasets/lookup.ts";
import { orUnavailable } from "../datasets/unavailable.ts";
import { defaultStoreOf } from "../default-store.ts";
import { jsonReply } from "../reply.ts";
import { route, type RequestContext, type Route } from "../route.ts";

/** How old the datasets of the default store are. */
export function datasetFreshnessRoutes(context: ServerContext): Route[] {
  return [freshnessRoute(context), oneFreshnessRoute(context)];
}

function freshnessRoute(context: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/api/analytics/freshness",
      id: "datasetsFreshness",
      summary: "How old each dataset is, as dbt's sources.json has it",
      level: "read",
      querySchema: noQuery,
      answers: { 200: { description: "The ages.", content: { "application/json": datasetsFreshnessAnswer } } },
      errors: ["STORE_UNKNOWN"],
    },
    ({ request }) => {
      const store = defaultStoreOf(context, request);
      const begun = context.clock.monotonicMs();
      const answer = (results: readonly unknown[]) => ({
        metadata: { generated_at: context.clock.now().toISOString() },
        results,
        elapsed_time: (context.clock.monotonicMs() - begun) / 1000,
      });
      return orUnavailable(context.settings, request, {
        make: async () => jsonReply(answer(await ages(context, request, { store }))),
        empty: () => answer([]),
      });
    },
  );
}

function oneFreshnessRoute(context: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/api/analytics/datasets/{id}/freshness",
      id: "datasetFreshness",
      summary: "How old a dataset is, as an entry of dbt's sources.json",
      level: "read",
      pathSchema: datasetPath,
      querySchema: noQuery,
      answers: { 200: { description: "Its age.", content: { "application/json": datasetFreshnessAnswer } } },
      errors: ["STORE_UNKNOWN", "DATASET_UNKNOWN", "NO_RELEASE"],
    },
    async ({ request, path }) => {
      const [age] = await ages(context, request, { store: defaultStoreOf(context, request), id: path.id });
      return jsonReply(age);
    },
  );
}

async function ages(
  context: ServerContext,
  request: RequestContext,
  { store, id }: { readonly store: string; readonly id?: string },
) {
  const reader = await context.stores.reader(store);
  const { signal } = request.req.raw;
  const rules = context.workspace.configuredChecks(store).filter((check) => check.check === "fresh");
  return reader.borrow(
    async (release) => {
      const found = await context.datasets.of({ store, named: undefined }, release);
      const datasets = id === undefined ? [...found.datasets.values()] : [findDataset(found, id)];
      const tools = { catalogues: context.catalogues, now: context.clock.now(), signal };
      return Promise.all(datasets.map((dataset) => datasetFreshness(release, dataset, { store, found, rules, ...tools })));
    },
    { signal },
  );
}
