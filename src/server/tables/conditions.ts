import { quoteIdentifier } from "../../engine/duckdb/sql-text.ts";
import { publicError } from "../problem.ts";
import { shownName } from "../route.ts";
import type { TableColumn } from "./catalogue.ts";

/** Filters of one request, and values of one filter, at most: a statement that nobody writes by hand. */
const filtersMax = 50;
const valuesMax = 1_000;

/** Operators that compare one value, as SQL has them. */
const comparisons = { eq: "=", ne: "<>", lt: "<", le: "<=", gt: ">", ge: ">=" } as const;

/** What a column may be asked for. */
export const operators = [...Object.keys(comparisons), "in", "like", "is"] as const;

/** Types that a text is compared with as it is. */
const textTypes = /^(VARCHAR|ENUM\b.*)$/s;

/** One filter: each of its values holds, except those of `in`, of which one does. */
export interface ColumnFilter {
  /** The request's own name for it. */
  readonly parameter: string;
  readonly column: TableColumn;
  /** One of `operators`. */
  readonly operator: string;
  readonly values: readonly string[];
}

/** A value that must be readable as a type. */
export interface Cast {
  readonly name: string;
  readonly value: string;
  readonly type: string;
}

/** The conditions of a statement's WHERE. Values are bound: nothing of a request becomes SQL. */
export class Conditions {
  readonly parameters: string[] = [];
  /** Values to be tried before the statement runs, so that the error names the request's parameter. */
  readonly casts: Cast[] = [];
  readonly #conditions: string[] = [];

  /** Empty, or one `WHERE`. */
  sql(): string[] {
    return this.#conditions.length === 0 ? [] : [`WHERE ${this.#conditions.join("\n  AND ")}`];
  }

  /** Throws `REQUEST_INVALID`. */
  add({ parameter, column, operator, values }: ColumnFilter): void {
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

  /** A condition that no request's parameter stands behind; `make` is given what binds a text. */
  addOwn(make: (bind: (value: string) => string) => string): void {
    this.#conditions.push(make((value) => this.#bound(value)));
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
