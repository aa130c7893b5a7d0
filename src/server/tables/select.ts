import { quoteIdentifier } from "../../engine/duckdb/sql-text.ts";
import { parquetCatalogue } from "../../model/artifact.ts";
import { didYouMean } from "../../model/nearest.ts";
import { publicError } from "../problem.ts";
import { shownName } from "../route.ts";
import { tableName, type ServedTable, type TableColumn } from "./catalogue.ts";
import { Conditions, operators, type Cast, type ColumnFilter } from "./conditions.ts";

/** Rows of a table, as a request wants them. */
export interface RowsRequest {
  /** Columns; `undefined` for all. */
  readonly select: string | undefined;
  readonly sort: string | undefined;
  /** Values by `where.<column>.<operator>`. */
  readonly filters: ReadonlyMap<string, readonly string[]>;
}

/** A statement without its LIMIT. */
export interface TableStatement {
  readonly sql: string;
  readonly parameters: readonly string[];
  /** The values that must be readable as a type, by parameter of the request. */
  readonly casts: readonly Cast[];
}

/** The parameters that are filters. */
export const filterPattern = /^where\./;

/** Types without an order, or without one that anybody means. */
const unordered = /^(STRUCT|MAP|UNION|JSON)\b/;

/**
 * The statement for a table's rows. Names are looked up in the table, values are bound: nothing of a request becomes SQL. The order is the same each time it runs, so that pages fit
 * together: a table's own, a view's by all its columns, and ties of `sort` likewise. Throws `REQUEST_INVALID`.
 */
export function tableStatement(table: ServedTable, request: RowsRequest): TableStatement {
  const selected = selectedColumns(table, request.select);
  const where = new Conditions();
  for (const [name, values] of request.filters) where.add(filterOf(table, name, values));
  const parts = [
    `SELECT ${selected.map(({ name }) => quoteIdentifier(name)).join(", ")}`,
    `FROM ${tableName(table)}`,
    ...where.sql(),
    ...orderOf(table, request.sort),
  ];
  return { sql: parts.join("\n"), parameters: where.parameters, casts: where.casts };
}

function filterOf(table: ServedTable, parameter: string, values: readonly string[]): ColumnFilter {
  const dot = parameter.lastIndexOf(".");
  const operator = parameter.slice(dot + 1);
  if (dot <= "where".length || !(operators as readonly string[]).includes(operator)) {
    throw publicError("REQUEST_INVALID", `the filter ${shownName(parameter)} ends with no operator`, {
      hint: `Write where.<column>.<operator> with one of ${operators.join(", ")}.`,
    });
  }
  return { parameter, column: columnOf(table, parameter.slice("where.".length, dot), parameter), operator, values };
}

function selectedColumns(table: ServedTable, select: string | undefined): readonly TableColumn[] {
  if (select === undefined) return table.columns;
  const columns = listOf(select, "select").map((name) => columnOf(table, name, "select"));
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice) throw publicError("REQUEST_INVALID", `select names ${shownName(twice.name)} twice`);
  return columns;
}

function orderOf(table: ServedTable, sort: string | undefined): string[] {
  const wanted = sort === undefined ? [] : listOf(sort, "sort");
  const terms = wanted.map((word) => {
    const descending = word.startsWith("-") && !table.columns.some(({ name }) => name === word);
    const column = columnOf(table, descending ? word.slice(1) : word, "sort");
    // Said in full: the engine's defaults are a setting.
    return `${quoteIdentifier(column.name)} ${descending ? "DESC" : "ASC"} NULLS LAST`;
  });
  // Parquet files are read in the order of their rows; what is sorted has ties, which only the columns can order.
  const isParquet = table.catalogue === parquetCatalogue;
  if (isParquet && terms.length === 0) return [];
  if (table.kind === "table" && !isParquet) return terms.length === 0 ? [] : [`ORDER BY ${[...terms, "rowid"].join(", ")}`];
  const ties = table.columns
    .filter(({ type }) => !unordered.test(type))
    .map(({ name }) => `${quoteIdentifier(name)} ASC NULLS LAST`);
  return terms.length + ties.length === 0 ? [] : [`ORDER BY ${[...terms, ...ties].join(", ")}`];
}

function columnOf(table: ServedTable, name: string, parameter: string): TableColumn {
  const names = table.columns.map((column) => column.name);
  const exact = table.columns.find((column) => column.name === name);
  if (exact) return exact;
  const folded = table.columns.filter((column) => column.name.toLowerCase() === name.toLowerCase());
  if (folded.length === 1 && folded[0]) return folded[0];
  throw publicError(
    "REQUEST_INVALID",
    `${shownName(parameter)}: ${table.name} has no column ${shownName(name)}${didYouMean(name, names)}`,
    {
      hint: "The address of the table, without /rows, lists them.",
    },
  );
}

/** Names with commas between; one in double quotes may hold commas, and a quote that is doubled. */
function listOf(text: string, parameter: string): string[] {
  const names: string[] = [];
  const item = /\s*(-?)(?:"((?:[^"]|"")+)"|([^",]+))\s*(,|$)/y;
  while (item.lastIndex < text.length) {
    const match = item.exec(text);
    const name = match?.[2]?.replaceAll('""', '"') ?? match?.[3]?.trim();
    if (!match || name === undefined || name === "" || (match[4] === "," && item.lastIndex === text.length)) {
      throw publicError("REQUEST_INVALID", `${parameter} is no list of columns: ${shownName(text)}`, {
        hint: 'Write names with commas between; a name with a comma or a quote in double quotes, as in "a ""b""".',
      });
    }
    names.push(`${match[1] ?? ""}${name}`);
  }
  return names;
}
