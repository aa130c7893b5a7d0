import type { QueryColumn } from "../../model/query.ts";
import { pieces, type TextFormat } from "./format.ts";
import { jsonText } from "./json-text.ts";

/** How CSV is written. */
export interface CsvOptions {
  /**
   * Puts `'` before texts that a spreadsheet would take for a formula: those that begin with `=`, `+`, `-`, `@`, a tab or a carriage return, column names included and numbers
   * not. Such texts are then not what the release holds. Default false.
   */
  readonly guardFormulas?: boolean | undefined;
}

const numeric = /^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|BIGNUM|FLOAT|DOUBLE|DECIMAL\(\d+,\s?\d+\))$/;
const formula = /^[=+\-@\t\r]/;
const needsQuotes = /[",\r\n]/;

/** RFC 4180 with a header line and CRLF. NULL is an empty field and the empty string `""`; what is an array or object in JSON is its JSON text. */
export const csv: TextFormat<CsvOptions> = {
  contentType: "text/csv; charset=utf-8; header=present",
  fileExtension: "csv",
  encode(source, { guardFormulas = false } = {}) {
    const cells = source.columns.map((column) => cellOf(column, guardFormulas));
    const header = source.columns.map(({ name }) => field(guardFormulas ? guarded(name) : name));
    return pieces(source, {
      head: `${header.join(",")}\r\n`,
      row: (row) => {
        let text = "";
        let index = 0;
        for (const cell of cells) {
          const value = row[index];
          text += (index === 0 ? "" : ",") + (value === null || value === undefined ? "" : cell(value));
          index += 1;
        }
        return `${text}\r\n`;
      },
    });
  },
};

function cellOf({ type }: QueryColumn, guardFormulas: boolean): (value: unknown) => string {
  if (numeric.test(type)) return plain;
  return guardFormulas ? (value) => field(guarded(plain(value))) : (value) => field(plain(value));
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : jsonText(value);
}

function guarded(text: string): string {
  return formula.test(text) ? `'${text}` : text;
}

function field(text: string): string {
  if (text === "") return '""';
  return needsQuotes.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
