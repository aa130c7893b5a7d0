import { quoteIdentifier } from "../../engine/duckdb/sql-text.ts";
import { parquetCatalogue } from "../../model/artifact.ts";
import { didYouMean } from "../../model/nearest.ts";
import { publicError } from "../problem.ts";
import { shownName } from "../route.ts";
import { tableName, type ServedTable, type TableColumn } from "./catalogue.ts";

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
  readonly casts: readonly { readonly name: string; readonly value: string; readonly type: string }[];
}

/** The parameters that are filters. */
export const filterPattern = /^where\./;

/** Filters of one request, and values of one filter, at most: a statement that nobody writes by hand. */
const filtersMax = 50;
const valuesMax = 1_000;

const comparisons = { eq: "=", ne: "<>", lt: "<", le: "<=", gt: ">", ge: ">=" } as const;

/** What follows a column in a filter. */
export const operators = [...Object.keys(comparisons), "in", "like", "is"] as const;

/** Types that a text is compared with as it is. */
const textTypes = /^(VARCHAR|ENUM\b.*)$/s;

/** Types without an order, or without one that anybody means. */
const unordered = /^(STRUCT|MAP|UNION|JSON)\b/;

/**
 * The statement for a table's rows. Names are looked up in the table, values are bound: nothing of a request becomes SQL. The order is the same each time it runs, so that pages fit
 * together: a table's own, a view's by all its columns, and ties of `sort` likewise. Throws `REQUEST_INVALID`.
 */
export function tableStatement(table: ServedTable, request: RowsRequest): TableStatement {
  const selected = selectedColumns(table, request.select);
  const where = new Conditions(table);
  for (const [name, values] of request.filters) where.add(name, values);
  const parts = [
    `SELECT ${selected.map(({ name }) => quoteIdentifier(name)).join(", ")}`,
    `FROM ${tableName(table)}`,
    ...where.sql(),
    ...orderOf(table, request.sort),
  ];
  return { sql: parts.join("\n"), parameters: where.parameters, casts: where.casts };
}

class Conditions {
  readonly parameters: string[] = [];
  readonly casts: { readonly name: string; readonly value: string; readonly type: string }[] = [];
  readonly #table: ServedTable;
  readonly #conditions: string[] = [];

  constructor(table: ServedTable) {
    this.#table = table;
  }

  sql(): string[] {
    return this.#conditions.length === 0 ? [] : [`WHERE ${this.#conditions.join("\n  AND ")}`];
  }

  /** One filter; each of its values holds, except those of `in`, of which one does. */
  add(parameter: string, values: readonly string[]): void {
    const dot = parameter.lastIndexOf(".");
    const operator = parameter.slice(dot + 1);
    if (dot <= "where".length || !(operators as readonly string[]).includes(operator)) {
      throw publicError("REQUEST_INVALID", `the filter ${shownName(parameter)} ends with no operator`, {
        hint: `Write where.<column>.<operator> with one of ${operators.join(", ")}.`,
      });
    }
    const column = columnOf(this.#table, parameter.slice("where.".length, dot), parameter);
    if (this.parameters.length + values.length > valuesMax || this.#conditions.length >= filtersMax) {
      throw publicError("REQUEST_INVALID", `there are more than ${filtersMax} filters or ${valuesMax} values`, {
        hint: "Ask for less at a time.",
      });
    }
    if (operator === "in") {
      this.#conditions.push(
        `${quoteIdentifier(column.name)} IN (${values.map((value) => this.#value(parameter, column, value)).join(", ")})`,
      );
      return;
    }
    for (const value of values) this.#conditions.push(this.#condition({ parameter, operator, column, value }));
  }

  #condition({
    parameter,
    operator,
    column,
    value,
  }: {
    readonly parameter: string;
    readonly operator: string;
    readonly column: TableColumn;
    readonly value: string;
  }): string {
    const name = quoteIdentifier(column.name);
    if (operator === "is") {
      if (value === "null") return `${name} IS NULL`;
      if (value === "not_null") return `${name} IS NOT NULL`;
      throw publicError("REQUEST_INVALID", `${shownName(parameter)} is ${shownName(value)}; it must be null or not_null`);
    }
    if (operator === "like") {
      if (!textTypes.test(column.type)) {
        throw publicError(
          "REQUEST_INVALID",
          `${shownName(parameter)}: like is for text, and ${shownName(column.name)} is ${column.type}`,
        );
      }
      return `${name} LIKE ${this.#bound(value)}`;
    }
    return `${name} ${comparisons[operator as keyof typeof comparisons]} ${this.#value(parameter, column, value)}`;
  }

  #value(parameter: string, { type }: TableColumn, value: string): string {
    if (textTypes.test(type)) return this.#bound(value);
    if (type === "TIMESTAMP WITH TIME ZONE" && !/([zZ]|[+-]\d\d(:?\d\d)?)$/.test(value)) {
      throw publicError("REQUEST_INVALID", `${shownName(parameter)} is ${shownName(value)}, a time without its zone`, {
        hint: "End it with Z or an offset such as +02:00; a + in an address is written %2B.",
      });
    }
    this.casts.push({ name: parameter, value, type });
    return `CAST(${this.#bound(value)} AS ${type})`;
  }

  #bound(value: string): string {
    this.parameters.push(value);
    return `$${this.parameters.length}::VARCHAR`;
  }
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
