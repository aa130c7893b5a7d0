import { pieces, type TextFormat } from "./format.ts";
import { jsonText } from "./json-text.ts";
import { arrayTextOf, objectTextOf } from "./row-text.ts";

/** What a JSON document of rows has besides them. */
export interface JsonOptions {
  /** `rows` (default): each row is an array in the order of `columns`. `objects`: by column name, a second column of a name as `name:1`. */
  readonly shape?: "rows" | "objects" | undefined;
  /** More members, between `columns` and `rows`; for example release and version. */
  readonly members?: Readonly<Record<string, unknown>> | undefined;
  /** More members that are known only after the last row; for example a token for the next page. */
  readonly lastMembers?: (() => Readonly<Record<string, unknown>>) | undefined;
}

/** One document `{"columns": [{"name", "type"}], …, "rows": [], …}`. */
export const json: TextFormat<JsonOptions> = {
  contentType: "application/json",
  fileExtension: "json",
  encode(source, { shape = "rows", members = {}, lastMembers } = {}) {
    const columns = source.columns.map(({ name, type }) => ({ name, type }));
    const text = shape === "objects" ? objectTextOf(columns) : arrayTextOf(columns);
    return pieces(source, {
      head: `{"columns":${jsonText(columns)}${membersText(members)},"rows":[`,
      row: (row, index) => (index === 0 ? text(row) : `,${text(row)}`),
      tail: () => `]${membersText(lastMembers?.() ?? {})}}\n`,
    });
  },
};

function membersText(members: Readonly<Record<string, unknown>>): string {
  return Object.entries(members)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `,${JSON.stringify(name)}:${jsonText(value)}`)
    .join("");
}
