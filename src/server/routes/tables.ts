import {
  fromRelease,
  pageRowsDefault,
  pageRowsMax,
  rowsAnswer,
  rowsQuery,
  storePath,
  tableAnswer,
  tablePath,
  tablesAnswer,
} from "../../model/http.ts";
import { answerData } from "../answer.ts";
import type { ServerContext } from "../context.ts";
import { jsonAnswer } from "../json.ts";
import { mediaTypes, negotiate } from "../negotiate.ts";
import { publicError } from "../problem.ts";
import { route, type Route } from "../route.ts";
import { answerRows } from "../rows.ts";
import { readPageToken } from "../tables/page.ts";
import { operators } from "../tables/conditions.ts";
import { filterPattern } from "../tables/select.ts";

/** Tables of a release, and their rows. */
export function tableRoutes(context: ServerContext): Route[] {
  return [listRoute(context), showRoute(context), rowsRoute(context)];
}

function listRoute(context: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/v1/stores/{store}/tables",
      id: "listTables",
      summary: "The tables and views of a release",
      level: "read",
      pathSchema: storePath,
      querySchema: fromRelease,
      answers: { 200: { description: "The tables.", content: { "application/json": tablesAnswer }, data: true } },
      errors: ["STORE_UNKNOWN", "NO_RELEASE", "RELEASE_UNKNOWN"],
    },
    ({ request, path, query }) =>
      answerData(context, request, {
        store: path.store,
        release: query.release,
        identity: "tables",
        make: {
          whole: async (release) => {
            const tables = await context.catalogues.tables(release);
            const told = tables.map(({ schema, name, kind, rows }) => ({ schema, name, kind, rows }));
            return jsonAnswer({ tables: told, release: release.release, version: release.version });
          },
        },
      }),
  );
}

function showRoute(context: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/v1/stores/{store}/tables/{table}",
      id: "showTable",
      summary: "The columns of a table",
      level: "read",
      pathSchema: tablePath,
      querySchema: fromRelease,
      answers: { 200: { description: "The table.", content: { "application/json": tableAnswer }, data: true } },
      errors: ["STORE_UNKNOWN", "NO_RELEASE", "RELEASE_UNKNOWN", "TABLE_UNKNOWN"],
    },
    ({ request, path, query }) =>
      answerData(context, request, {
        store: path.store,
        release: query.release,
        identity: `table ${path.table}`,
        make: {
          whole: async (release) => {
            const { schema, name, kind, rows, columns } = await context.catalogues.table(release, path.table);
            return jsonAnswer({ schema, name, kind, rows, columns, release: release.release, version: release.version });
          },
        },
      }),
  );
}

function rowsRoute(context: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/v1/stores/{store}/tables/{table}/rows",
      id: "readRows",
      summary: "Rows of a table, in pages or whole",
      description:
        "JSON comes in pages that stay on one release: ask for `next` as `page`. The other formats come whole; one that breaks off has no end, and the connection is cut.",
      level: "read",
      pathSchema: tablePath,
      querySchema: rowsQuery,
      freeParameters: {
        pattern: filterPattern,
        name: "where.{column}.{operator}",
        description: `Only rows for which it holds; operators are ${operators.join(", ")}. Given again, both must hold; of \`in\` one of its values.`,
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
      errors: ["STORE_UNKNOWN", "NO_RELEASE", "RELEASE_UNKNOWN", "TABLE_UNKNOWN", "FORMAT_REFUSED", "PAGE_GONE", "SCOPE_REFUSED"],
    },
    ({ request, path, query, free }) => {
      const format = negotiate(query.format, request.req.header("Accept"));
      if (format !== "json" && query.page !== undefined) {
        throw publicError("REQUEST_INVALID", `pages are of JSON; ${format} comes whole`, {
          hint: "Leave page out, or say format=json.",
        });
      }
      const limit = query.limit ?? (format === "json" ? pageRowsDefault : undefined);
      if (format === "json" && limit !== undefined && limit > pageRowsMax) {
        throw publicError("REQUEST_INVALID", `limit is ${limit}; a page of JSON has ${pageRowsMax} rows at most`, {
          hint: "Ask for pages, or for format=ndjson, csv or parquet.",
        });
      }
      const asked = JSON.stringify([path.table, query.select, query.sort, [...free].toSorted(byName)]);
      const place = query.page === undefined ? undefined : readPageToken(query.page, asked);
      if (place && query.release !== undefined && query.release !== place.release) {
        throw publicError("REQUEST_INVALID", "release and page name different releases", {
          hint: "Leave release out: page has it.",
        });
      }
      const { select, sort, shape, guard, release } = query;
      const { store, table } = path;
      const form = { format, shape, guard };
      return answerRows(context, request, { store, table, release, select, sort, filters: free, form, limit, asked, place });
    },
  );
}

function byName([left]: readonly [string, ...unknown[]], [right]: readonly [string, ...unknown[]]): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
