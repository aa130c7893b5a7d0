import type { FilterValue, RowsOptions } from "./types.ts";

/** Parameters by name; what is `undefined` is left out. */
export function queryOf(parameters: Readonly<Record<string, FilterValue | readonly FilterValue[] | undefined>>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of isList(value) ? value : [value]) if (each !== undefined) query.append(name, textOf(each));
  }
  return query;
}

/** What a request for rows says. */
export function rowsQueryOf({ select, sort, where = {}, limit, page, shape, release }: RowsOptions): URLSearchParams {
  const query = queryOf({
    select: select?.map((name) => quoted(name)).join(","),
    sort: sort?.map((name) => (name.startsWith("-") ? `-${quoted(name.slice(1))}` : quoted(name))).join(","),
    limit,
    shape,
    release,
    page,
  });
  for (const [column, given] of Object.entries(where)) {
    const filter: object = isValue(given) ? { eq: given } : given;
    for (const [operator, value] of Object.entries(filter) as [string, FilterValue | readonly FilterValue[] | undefined][]) {
      for (const each of isList(value) ? value : [value]) {
        if (each !== undefined) query.append(`where.${column}.${operator}`, textOf(each));
      }
    }
  }
  return query;
}

function isValue(given: unknown): given is FilterValue {
  return typeof given !== "object" || given instanceof Date;
}

function isList(value: unknown): value is readonly FilterValue[] {
  return Array.isArray(value);
}

function textOf(value: FilterValue): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

/** As a list in an address takes names: those with a comma, a quote, a space or a dash in front in double quotes. */
function quoted(name: string): string {
  return /^[^-",\s][^",\s]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
