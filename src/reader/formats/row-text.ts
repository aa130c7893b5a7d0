import { uniqueNames } from "../../model/column-names.ts";
import type { QueryColumn } from "../../model/query.ts";
import { jsonTextOf } from "./json-text.ts";

/** Makes a row into JSON text. */
export type ToRowText = (row: readonly unknown[]) => string;

/** Rows as arrays in the order of the columns. */
export function arrayTextOf(columns: readonly QueryColumn[]): ToRowText {
  return textOf(
    columns.map((column, index) => ({ before: index === 0 ? "[" : ",", column })),
    "]",
  );
}

/** Rows as objects by column name; a second column of a name is `name:1`. */
export function objectTextOf(columns: readonly QueryColumn[]): ToRowText {
  const keys = uniqueNames(columns.map(({ name }) => name));
  const parts = columns.map((column, index) => ({
    before: `${index === 0 ? "{" : ","}${JSON.stringify(keys[index])}:`,
    column,
  }));
  return textOf(parts, "}");
}

function textOf(parts: readonly { readonly before: string; readonly column: QueryColumn }[], end: string): ToRowText {
  const made = parts.map(({ before, column }) => ({ before, convert: jsonTextOf(column) }));
  return (row) => {
    let text = "";
    let index = 0;
    for (const { before, convert } of made) text += before + convert(row[index++]);
    return text + end;
  };
}
