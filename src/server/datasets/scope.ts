import { quoteIdentifier } from "../../engine/duckdb/sql-text.ts";
import { publicError } from "../problem.ts";
import { shownName, type RequestContext } from "../route.ts";
import type { Conditions } from "../tables/conditions.ts";
import type { ServedDataset } from "./datasets.ts";

/**
 * The caller's value of a scope column: from the app that has mounted the routes where it says whose request it is, else from the token's claims. Throws `SCOPE_MISSING`:
 * without a value there are no rows, never all of them.
 */
export function scopeValue(request: RequestContext, column: string): string {
  const values: Readonly<Record<string, unknown>> = request.get("scope") ?? request.get("principal").claims;
  const name = Object.keys(values).find((key) => key.toLowerCase() === column.toLowerCase());
  const value = name === undefined ? undefined : values[name];
  const text = typeof value === "number" || typeof value === "bigint" ? String(value) : value;
  if (typeof text === "string" && text !== "") return text;
  throw publicError("SCOPE_MISSING", `nobody said which ${shownName(column)} the request is for`, {
    hint: "The rows are kept apart by this column: ask with a token that has a claim of its name.",
  });
}

/**
 * Binds a statement to the caller's rows. A value that is none of the column's type has no rows. The texts are compared byte for byte besides: a cast may round, and a collation may take two
 * users for one.
 */
export function bindScope(where: Conditions, { scope }: ServedDataset, value: string | undefined): void {
  if (scope === undefined) return;
  if (scope.column === undefined || value === undefined) {
    throw publicError("SCOPE_MISSING", `the release has no column ${shownName(scope.name)}, which keeps the rows apart`);
  }
  const { name, type } = scope.column;
  const column = quoteIdentifier(name);
  where.addOwn((bind) => {
    const bound = bind(value);
    return `${column} = TRY_CAST(${bound} AS ${type}) AND encode(CAST(${column} AS VARCHAR)) = encode(${bound})`;
  });
}

/** Refuses what is not read as a dataset, of a table whose rows are kept apart. Throws `SCOPE_REFUSED`. */
export function scopeRefused(what: string): Error {
  return publicError("SCOPE_REFUSED", `${what} may hold rows of others than the caller's`, {
    hint: "Ask the dataset API, /api/analytics, or send a token of level admin.",
  });
}
