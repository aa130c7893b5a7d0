import { analyticsStatusAnswer, datasetPath, datasetSchemaAnswer, datasetsAnswer } from "../../model/analytics.ts";
import type { DatasetDefinition } from "../../model/dataset.ts";
import { fromRelease, noQuery } from "../../model/http.ts";
import type { ServerContext } from "../context.ts";
import { datedAnswer } from "../datasets/dated.ts";
import type { ServedDataset } from "../datasets/datasets.ts";
import { definitionOf, entryOf, findDataset } from "../datasets/lookup.ts";
import { isUnavailable, orUnavailable } from "../datasets/unavailable.ts";
import { defaultStoreOf } from "../default-store.ts";
import { jsonAnswer } from "../json.ts";
import { jsonReply } from "../reply.ts";
import { route, type Route } from "../route.ts";

/** Which datasets the default store has. */
export function datasetRoutes(context: ServerContext): Route[] {
  return [statusRoute(context), listRoute(context), schemaRoute(context)];
}

function statusRoute(context: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/api/analytics/status",
      id: "analyticsStatus",
      summary: "Whether datasets can be had, and how many there are",
      level: "read",
      querySchema: noQuery,
      answers: { 200: { description: "The state.", content: { "application/json": analyticsStatusAnswer } } },
      errors: ["STORE_UNKNOWN"],
    },
    async ({ request }) => {
      const store = defaultStoreOf(context, request);
      return jsonReply(await analyticsStatus(context, store));
    },
  );
}

async function analyticsStatus(context: ServerContext, store: string) {
  try {
    const reader = await context.stores.reader(store);
    const { datasets } = await reader.borrow((release) => context.datasets.of({ store, named: undefined }, release));
    return {
      duckdb_available: await reader.checkConnection(),
      manifest_available: datasets.size > 0,
      dataset_count: datasets.size,
      last_refresh: await reader.lastRefresh(),
    };
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    const { length } = context.datasets.definitions(store, undefined);
    return { duckdb_available: false, manifest_available: length > 0, dataset_count: length, last_refresh: null };
  }
}

function listRoute(context: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/api/analytics/datasets",
      id: "listDatasets",
      summary: "The datasets of the default store",
      level: "read",
      querySchema: fromRelease,
      answers: { 200: { description: "The datasets.", content: { "application/json": datasetsAnswer }, data: true } },
      errors: ["STORE_UNKNOWN", "RELEASE_UNKNOWN"],
    },
    ({ request, query }) => {
      const store = defaultStoreOf(context, request);
      const answer = (definitions: readonly DatasetDefinition[]) => ({
        datasets: definitions.map(entryOf),
        total: definitions.length,
      });
      return orUnavailable(context.settings, request, {
        make: () =>
          datedAnswer(context, request, {
            store,
            release: query.release,
            identity: "datasets",
            make: {
              whole: async (release) => {
                const { datasets } = await context.datasets.of({ store, named: query.release }, release);
                return jsonAnswer(answer([...datasets.values()].map(({ definition }) => definition)));
              },
            },
          }),
        empty: () => answer(context.datasets.definitions(store, undefined)),
      });
    },
  );
}

function schemaRoute(context: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/api/analytics/datasets/{id}/schema",
      id: "datasetSchema",
      summary: "A dataset and its columns",
      level: "read",
      pathSchema: datasetPath,
      querySchema: fromRelease,
      answers: { 200: { description: "The dataset.", content: { "application/json": datasetSchemaAnswer }, data: true } },
      errors: ["STORE_UNKNOWN", "RELEASE_UNKNOWN", "DATASET_UNKNOWN"],
    },
    ({ request, path, query }) => {
      const store = defaultStoreOf(context, request);
      return orUnavailable(context.settings, request, {
        make: () =>
          datedAnswer(context, request, {
            store,
            release: query.release,
            identity: `dataset ${path.id}`,
            make: {
              whole: async (release) => {
                const found = findDataset(await context.datasets.of({ store, named: query.release }, release), path.id);
                return jsonAnswer({ ...entryOf(found.definition), columns: columnsOf(found) });
              },
            },
          }),
        empty: () => ({ ...entryOf(definitionOf(context, store, path.id)), columns: [] }),
      });
    },
  );
}

function columnsOf({ table, definition: { columns: described = [] } }: ServedDataset) {
  const words = new Map(described.map(({ name, description }) => [name.toLowerCase(), description]));
  return (table?.columns ?? []).map(({ name, type }) => ({
    name: name.toLowerCase(),
    data_type: type,
    description: words.get(name.toLowerCase()) ?? null,
  }));
}
