import { ExactNumber, type QueryColumn } from "../../model/query.ts";

/** Rows of the form `numbers` as a JSON array of objects by column name in lower case. */
export function rowsText(columns: readonly QueryColumn[], rows: readonly (readonly unknown[])[]): string {
  const keys = columns.map(({ name }, index) => `${index === 0 ? "{" : ","}${JSON.stringify(name.toLowerCase())}:`);
  const texts = rows.map((row) => {
    let text = "";
    for (let index = 0; index < keys.length; index += 1) text += (keys[index] ?? "") + valueText(row[index]);
    return `${text}}`;
  });
  return `[${texts.join(",")}]`;
}

/** A value of the form `numbers` as JSON text; numbers with all their digits. */
export function valueText(value: unknown): string {
  if (value instanceof ExactNumber) return value.digits;
  if (Array.isArray(value)) return `[${value.map(valueText).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${valueText(member)}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}
