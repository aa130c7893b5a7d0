import { quoteIdentifier } from "../../engine/duckdb/sql-text.ts";
import { datasetQueryNames, datasetRowsDefault, dayAfter, type DatasetQuery } from "../../model/analytics.ts";
import type { DatasetFilter } from "../../model/dataset.ts";
import { ExactNumber } from "../../model/query.ts";
import { didYouMean } from "../../model/nearest.ts";
import { publicError } from "../problem.ts";
import { shownName } from "../route.ts";
import { tableName, type ServedTable, type TableColumn } from "../tables/catalogue.ts";
import { Conditions } from "../tables/conditions.ts";
import type { TableStatement } from "../tables/select.ts";
import { columnOf, type ServedDataset } from "./datasets.ts";
import { bindScope } from "./scope.ts";

/** Rows of a dataset, as a request wants them. */
export interface DatasetRequest {
  readonly query: DatasetQuery;
  /** Values by parameter: a column, or a column with `_min` or `_max`. */
  readonly filters: ReadonlyMap<string, readonly string[]>;
}

/** A dataset whose table the release has. */
export type PresentDataset = ServedDataset & { readonly table: ServedTable };

/** A statement, and what it narrows by. */
export interface DatasetStatement extends TableStatement {
  /** The parameters that narrow the rows, as the answer tells them: `ExactNumber` for columns of numbers. */
  readonly applied: Readonly<Record<string, unknown>>;
}

/** Columns of dates and times. */
const dated = /^(DATE|TIMESTAMP)/;
/** Columns with an order that people mean by from and to. */
const ranged = /^(DATE|TIME|U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$|BIGNUM|DECIMAL|FLOAT|DOUBLE)/;
/** Columns whose values are numbers. */
const numeric = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|BIGNUM|DECIMAL\(.*\)|FLOAT|DOUBLE)$/;
/** Columns whose values are more than one, or no text that anybody would write. */
const nested = /^(STRUCT|MAP|UNION|VARIANT|BLOB|GEOMETRY|BIT|INTERVAL)\b|\]$/;
/** Types without an order. */
const unordered = /^(STRUCT|MAP|UNION|VARIANT|JSON|GEOMETRY)\b/;

/**
 * The statement for a dataset's rows, the same whatever the release is made of: it orders by the date column and then by all the others by name. Throws `REQUEST_INVALID` that names
 * the parameter, `SCOPE_MISSING`, `CONFIG_INVALID` for a date column that is none.
 */
export function datasetStatement(dataset: PresentDataset, request: DatasetRequest, scope: string | undefined): DatasetStatement {
  const { table, definition } = dataset;
  const where = new Conditions();
  bindScope(where, dataset, scope);
  const applied: Record<string, unknown> = { ...dates(where, dataset, request.query) };
  for (const [parameter, values] of request.filters)
    applied[parameter.toLowerCase()] = narrow(where, dataset, { parameter, values });
  const { limit = datasetRowsDefault, offset = 0 } = request.query;
  const date = definition.dateColumn === undefined ? undefined : columnOf(table, definition.dateColumn);
  const parts = [
    `SELECT ${table.columns.map(({ name }) => quoteIdentifier(name)).join(", ")}`,
    `FROM ${tableName(table)}`,
    ...where.sql(),
    ...orderOf(table, date),
    `LIMIT ${limit}`,
    ...(offset === 0 ? [] : [`OFFSET ${offset}`]),
  ];
  return { sql: parts.join("\n"), parameters: where.parameters, casts: where.casts, applied };
}

function orderOf({ columns }: ServedTable, date: TableColumn | undefined): string[] {
  const others = columns.filter((column) => column !== date && !unordered.test(column.type));
  const byName = others.toSorted((one, other) => (one.name.toLowerCase() < other.name.toLowerCase() ? -1 : 1));
  const terms = [...(date ? [date] : []), ...byName].map(({ name }) => `${quoteIdentifier(name)} ASC NULLS LAST`);
  return terms.length === 0 ? [] : [`ORDER BY ${terms.join(", ")}`];
}

function dates(
  where: Conditions,
  { table, definition: { id, dateColumn } }: PresentDataset,
  { start_date: start, end_date: end }: DatasetRequest["query"],
): Record<string, string> {
  if (start === undefined && end === undefined) return {};
  const parameter = start === undefined ? "end_date" : "start_date";
  if (dateColumn === undefined) {
    throw publicError("REQUEST_INVALID", `parameter "${parameter}": the dataset ${id} has no date column`, {
      hint: "Leave it out.",
    });
  }
  if (start !== undefined && end !== undefined && start > end) {
    throw publicError("REQUEST_INVALID", `parameter "start_date" is ${start}, after "end_date", ${end}`);
  }
  const column = columnOf(table, dateColumn);
  if (column === undefined || !dated.test(column.type)) {
    throw publicError("CONFIG_INVALID", `the date column ${shownName(dateColumn)} of the dataset ${id} is no column of dates`);
  }
  // The years of TIMESTAMP_NS end in 2262: a day after them is none of its values, and an error.
  const type = column.type === "TIMESTAMP_NS" ? "TIMESTAMP" : column.type;
  const quoted = quoteIdentifier(column.name);
  const name = type === column.type ? quoted : `CAST(${quoted} AS ${type})`;
  // Days of UTC, where the column has a zone.
  const bound = (bind: (value: string) => string, day: string) =>
    `CAST(${bind(type.endsWith("ZONE") ? `${day} 00:00:00+00` : day)} AS ${type})`;
  if (start !== undefined) where.addOwn((bind) => `${name} >= ${bound(bind, start)}`);
  if (end !== undefined) where.addOwn((bind) => `${name} < ${bound(bind, dayAfter(end))}`);
  return { ...(start !== undefined && { start_date: start }), ...(end !== undefined && { end_date: end }) };
}

interface Given {
  readonly parameter: string;
  readonly values: readonly string[];
}

/** Adds one filter. Returns what the answer tells of it. */
function narrow(where: Conditions, dataset: PresentDataset, { parameter, values }: Given): unknown {
  const { column, filter, edge } = meant(dataset, parameter);
  if (edge !== undefined) {
    if (values.length > 1)
      throw publicError("REQUEST_INVALID", `parameter ${shownName(parameter)} is given twice`, { hint: "Give it once." });
    where.add({ parameter, column, operator: edge, values });
    return told(column, values)[0];
  }
  if (filter?.type === "range") {
    const name = column.name.toLowerCase();
    throw publicError("REQUEST_INVALID", `parameter ${shownName(parameter)} takes a range`, {
      hint: `Say ${name}_min or ${name}_max.`,
    });
  }
  const wanted = filter?.type === "list" || filter?.type === "enum" ? values.flatMap((value) => value.split(",")) : values;
  if (filter?.type === "equals" && wanted.length > 1) {
    throw publicError("REQUEST_INVALID", `parameter ${shownName(parameter)} takes one value`, { hint: "Give it once." });
  }
  if (filter?.type === "enum") assertListed(parameter, filter, wanted);
  where.add({ parameter, column, operator: wanted.length === 1 ? "eq" : "in", values: wanted });
  const shown = told(column, wanted);
  return shown.length === 1 ? shown[0] : shown;
}

function assertListed(parameter: string, { values = [] }: DatasetFilter, wanted: readonly string[]): void {
  const known = values.map(String);
  const other = wanted.find((value) => !known.includes(value));
  if (other === undefined) return;
  throw publicError(
    "REQUEST_INVALID",
    `parameter ${shownName(parameter)} is ${shownName(other)}, which is not offered${didYouMean(other, known)}`,
    {
      hint: `One of ${known.slice(0, 20).join(", ")}.`,
    },
  );
}

interface Meant {
  readonly column: TableColumn;
  readonly filter: DatasetFilter | undefined;
  readonly edge: "ge" | "le" | undefined;
}

/** The column that a parameter means, and how. Throws `REQUEST_INVALID` where it means none that may be filtered by. */
function meant(dataset: PresentDataset, parameter: string): Meant {
  const { table } = dataset;
  const exact = columnOf(table, parameter);
  if (exact) return assertOffered(dataset, parameter, { column: exact, edge: undefined });
  const [, name = "", side] = /^(.+)_(min|max)$/is.exec(parameter) ?? [];
  const column = name === "" ? undefined : columnOf(table, name);
  if (column) return assertOffered(dataset, parameter, { column, edge: side?.toLowerCase() === "min" ? "ge" : "le" });
  throw unknownParameter(dataset, parameter);
}

function assertOffered(dataset: PresentDataset, parameter: string, { column, edge }: Omit<Meant, "filter">): Meant {
  const filter = filterOf(dataset, column);
  const { filters } = dataset.definition;
  if (filters !== undefined && filter === undefined) throw unknownParameter(dataset, parameter);
  if (nested.test(column.type)) {
    throw publicError("REQUEST_INVALID", `parameter ${shownName(parameter)}: ${column.type} cannot be filtered by`);
  }
  const takesRange = ranged.test(column.type) && (filter === undefined || filter.type === "range");
  if (edge !== undefined && !takesRange) {
    throw publicError(
      "REQUEST_INVALID",
      `parameter ${shownName(parameter)}: ${shownName(column.name.toLowerCase())} takes no range`,
    );
  }
  return { column, filter, edge };
}

function filterOf({ definition: { filters = {} } }: ServedDataset, column: TableColumn): DatasetFilter | undefined {
  const name = Object.keys(filters).find((each) => each.toLowerCase() === column.name.toLowerCase());
  return name === undefined ? undefined : filters[name];
}

function unknownParameter(dataset: PresentDataset, parameter: string): Error {
  const names = parametersOf(dataset);
  return publicError("REQUEST_INVALID", `there is no parameter ${shownName(parameter)} here${didYouMean(parameter, names)}`, {
    hint: `Known are ${names.slice(0, 30).join(", ")}.`,
  });
}

function parametersOf(dataset: PresentDataset): string[] {
  const { table, definition } = dataset;
  const columns = table.columns.flatMap((column) => {
    const filter = filterOf(dataset, column);
    if (nested.test(column.type) || (definition.filters !== undefined && filter === undefined)) return [];
    const name = column.name.toLowerCase();
    const range = ranged.test(column.type) && (filter === undefined || filter.type === "range");
    return [...(filter?.type === "range" ? [] : [name]), ...(range ? [`${name}_min`, `${name}_max`] : [])];
  });
  return [...datasetQueryNames, ...columns];
}

/** Values as an answer tells them: numbers of a column of numbers as numbers, where they are such. */
function told({ type }: TableColumn, values: readonly string[]): unknown[] {
  if (!numeric.test(type)) return [...values];
  return values.map((value) => (/^-?(0|[1-9]\d*)(\.\d+)?$/.test(value) ? new ExactNumber(value) : value));
}
