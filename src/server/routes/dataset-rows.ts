import { datasetPath, datasetQuery, datasetRowsAnswer } from "../../model/analytics.ts";
import type { DatasetDefinition } from "../../model/dataset.ts";
import type { ServedRelease } from "../answer.ts";
import type { CachedAnswer } from "../cache.ts";
import type { ServerContext } from "../context.ts";
import { datedAnswer } from "../datasets/dated.ts";
import type { ReleaseDatasets, ServedDataset } from "../datasets/datasets.ts";
import { definitionOf, findDataset } from "../datasets/lookup.ts";
import { rowsText, valueText } from "../datasets/rows-text.ts";
import { scopeValue } from "../datasets/scope.ts";
import { datasetStatement, type DatasetRequest, type PresentDataset } from "../datasets/select.ts";
import { orUnavailable, unavailableHeaders } from "../datasets/unavailable.ts";
import { defaultStoreOf } from "../default-store.ts";
import { jsonAnswer } from "../json.ts";
import { publicError } from "../problem.ts";
import type { Reply } from "../reply.ts";
import { route, type RequestContext, type Route } from "../route.ts";
import { assertCasts } from "../tables/casts.ts";

/** Rows of a dataset of the default store. */
export function datasetRowsRoute(context: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/api/analytics/datasets/{id}/query",
      id: "queryDataset",
      summary: "Rows of a dataset",
      description: "By the date column, then by all others. With a scope column, the caller's own rows alone.",
      level: "read",
      pathSchema: datasetPath,
      querySchema: datasetQuery,
      freeParameters: {
        pattern: /^(?!(?:start_date|end_date|limit|offset|release)$)/,
        name: "{column}",
        description:
          "Only rows with this value; given again, with any of these. `{column}_min` and `{column}_max` are a range, whose ends are in.",
      },
      answers: { 200: { description: "The rows.", content: { "application/json": datasetRowsAnswer }, data: true } },
      errors: ["STORE_UNKNOWN", "RELEASE_UNKNOWN", "DATASET_UNKNOWN", "SCOPE_MISSING"],
    },
    ({ request, path, query, free }) => {
      const store = defaultStoreOf(context, request);
      return orUnavailable(context.settings, request, {
        make: () => answerRows(context, request, { store, id: path.id, query, filters: free }),
        empty: () => rowsDocument(definitionOf(context, store, path.id), {}),
      });
    },
  );
}

interface RowsRequest extends DatasetRequest {
  readonly store: string;
  readonly id: string;
}

async function answerRows(context: ServerContext, request: RequestContext, asked: RowsRequest): Promise<Reply> {
  const { store, id, query, filters } = asked;
  const which = { store, named: query.release };
  const scopeOf = (datasets: ReleaseDatasets): string | undefined => {
    const { scope } = findDataset(datasets, id);
    return scope && scopeValue(request, scope.name);
  };
  const spelled = (scope: string | undefined): string => (scope === undefined ? "" : `scope ${JSON.stringify(scope)}`);
  let admitted: string | undefined;
  return datedAnswer(context, request, {
    store,
    release: query.release,
    identity: `dataset rows ${JSON.stringify([id, query, [...filters].toSorted(([one], [other]) => (one < other ? -1 : 1))])}`,
    admission: {
      known: (release) => {
        const known = context.datasets.known(which, release);
        return known && (admitted = spelled(scopeOf(known)));
      },
      look: async (release) => (admitted = spelled(scopeOf(await context.datasets.of(which, release)))),
    },
    make: {
      whole: async (release, signal) => {
        const found = await context.datasets.of(which, release);
        const scope = scopeOf(found);
        // The answer is kept under what was admitted: another scope became active in between.
        if (spelled(scope) !== admitted) throw publicError("UNAVAILABLE", "what keeps the rows apart changed just now");
        return rowsOf(context, { dataset: findDataset(found, id), request: asked, scope }, { release, signal });
      },
    },
  });
}

async function rowsOf(
  { limits }: ServerContext,
  {
    dataset,
    request,
    scope,
  }: { readonly dataset: ServedDataset; readonly request: DatasetRequest; readonly scope: string | undefined },
  { release, signal }: { readonly release: ServedRelease; readonly signal: AbortSignal },
): Promise<CachedAnswer> {
  if (!isPresent(dataset)) {
    const empty = jsonAnswer(rowsDocument(dataset.definition, {}));
    return { ...empty, headers: { ...empty.headers, ...unavailableHeaders } };
  }
  const statement = datasetStatement(dataset, request, scope);
  await assertCasts(release, statement, signal);
  const { sql, parameters, applied } = statement;
  const { columns, rows } = await release.query(sql, parameters, { signal, bytesMax: limits.bytesMax, values: "numbers" });
  const { dataset_id, dataset_name } = rowsDocument(dataset.definition, {});
  const head = `{"dataset_id":${JSON.stringify(dataset_id)},"dataset_name":${JSON.stringify(dataset_name)},"rows":`;
  const tail = `,"row_count":${rows.length},"filters_applied":${valueText(applied)}}\n`;
  return { bytes: Buffer.from(head + rowsText(columns, rows) + tail), headers: { "Content-Type": "application/json" } };
}

function rowsDocument({ id, table }: DatasetDefinition, filters: Readonly<Record<string, unknown>>) {
  return { dataset_id: id, dataset_name: table, rows: [], row_count: 0, filters_applied: filters };
}

function isPresent(dataset: ServedDataset): dataset is PresentDataset {
  return dataset.table !== undefined;
}
