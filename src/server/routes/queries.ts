import { formatQuery, queriesAnswer, queryPath, rowsAnswer, noQuery, storePath } from "../../model/http.ts";
import { boundStatement, type NamedParameter, type NamedQuery } from "../../model/named-query.ts";
import { typeText, type TypedValue } from "../../model/parameter-types.ts";
import { parseParameters } from "../../model/query-request.ts";
import type { ServerContext } from "../context.ts";
import { jsonReply } from "../reply.ts";
import { mediaTypes, negotiate } from "../negotiate.ts";
import { seesAll, statementAdmission } from "../datasets/guard.ts";
import { publicError } from "../problem.ts";
import { answerResult, type ResultAnswer } from "../result.ts";
import { route, type Route } from "../route.ts";

/** Named queries of a store, and their results. */
export function queryRoutes(context: ServerContext): Route[] {
  const list = route(
    {
      method: "get",
      path: "/v1/stores/{store}/queries",
      id: "listQueries",
      summary: "The named queries of a store",
      level: "read",
      pathSchema: storePath,
      querySchema: noQuery,
      answers: { 200: { description: "The queries.", content: { "application/json": queriesAnswer } } },
      errors: ["STORE_UNKNOWN", "CONFIG_INVALID"],
    },
    async ({ path }) => {
      context.stores.assertKnown(path.store);
      return jsonReply({ queries: (await context.queries.list(path.store)).map(describe) });
    },
  );
  return [list, runRoute(context)];
}

function runRoute(context: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/v1/stores/{store}/queries/{name}",
      id: "runQuery",
      summary: "The result of a named query",
      level: "read",
      pathSchema: queryPath,
      querySchema: formatQuery,
      freeParameters: {
        // What the server takes for itself is no parameter of a query; `model/named-query.ts` refuses those names.
        pattern: /^(?!(?:release|format|shape|guard)$)/,
        name: "{parameter}",
        description: "A parameter of the query. A list is given by saying it several times.",
      },
      answers: {
        200: {
          description: "The rows.",
          content: {
            "application/json": rowsAnswer,
            [mediaTypes.ndjson[0]]: "text",
            [mediaTypes.csv[0]]: "text",
            [mediaTypes.parquet[0]]: "binary",
          },
          data: true,
        },
      },
      errors: [
        "STORE_UNKNOWN",
        "NO_RELEASE",
        "RELEASE_UNKNOWN",
        "QUERY_UNKNOWN",
        "FORMAT_REFUSED",
        "CONFIG_INVALID",
        "SCOPE_REFUSED",
      ],
    },
    async ({ request, path, query, free }) => {
      context.stores.assertKnown(path.store);
      const named = await context.queries.find(path.store, path.name);
      const format = negotiate(query.format, request.req.header("Accept"));
      const form = { format, shape: query.shape, guard: query.guard };
      const values = valuesOf(named, free);
      return answerResult(context, request, {
        ...resultOf(context, path.store, { named, values }),
        form,
        release: query.release,
        admission: seesAll(request)
          ? undefined
          : statementAdmission(context.datasets, {
              store: path.store,
              named: query.release,
              name: named.name,
              sql: boundStatement(named, values).sql,
            }),
      });
    },
  );
}

/** A named query's result with its parameters, as far as it does not depend on the form. */
export function resultOf(
  { limits }: Pick<ServerContext, "limits">,
  store: string,
  { named, values }: { readonly named: NamedQuery; readonly values: ReadonlyMap<string, TypedValue> },
): Omit<ResultAnswer, "form"> {
  // Values as they are bound, so that 007 and 7 are one answer, and a list of two texts is another than one text with a comma.
  const bound = [...values].map(([name, { sqlType, value }]) => [name, sqlType, value]);
  return {
    store,
    identity: `query ${JSON.stringify([named.name, bound], (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))}`,
    prepare: () => Promise.resolve(boundStatement(named, values)),
    rowsMax: limits.rowsMax,
  };
}

function valuesOf(named: NamedQuery, given: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, TypedValue> {
  const { values, findings } = parseParameters(named, given);
  if (values) return values;
  const [first, ...more] = findings;
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  throw publicError("REQUEST_INVALID", `parameter ${first?.detail ?? ""}${others}`, {
    hint: "The address ending in /queries lists queries and parameters.",
  });
}

function describe({ name, description, parameters }: NamedQuery) {
  return {
    name,
    description,
    parameters: parameters.map((parameter: NamedParameter) => ({
      name: parameter.name,
      type: typeText(parameter),
      required: parameter.default === undefined,
      default: parameter.default?.text,
    })),
  };
}
