import { pieces, type TextFormat } from "./format.ts";
import { objectTextOf } from "./row-text.ts";

/** One JSON object a line, each with its line feed; nothing at all for no rows. */
export const ndjson: TextFormat<object> = {
  contentType: "application/x-ndjson",
  fileExtension: "ndjson",
  encode(source) {
    const text = objectTextOf(source.columns);
    return pieces(source, { row: (row) => `${text(row)}\n` });
  },
};
