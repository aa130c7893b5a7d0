import type { QueryColumn } from "../../model/query.ts";

/** Makes a value of one column into JSON text. */
export type ToJsonText = (value: unknown) => string;

/** Types whose values are strings of digits, letters and signs that JSON need not escape. */
const plainText =
  /^(?:BIGINT|UBIGINT|HUGEINT|UHUGEINT|BIGNUM|DECIMAL\(\d+,\s?\d+\)|DATE|TIME|TIME_NS|TIME WITH TIME ZONE|TIMESTAMP|TIMESTAMP_S|TIMESTAMP_MS|TIMESTAMP_NS|TIMESTAMP WITH TIME ZONE|UUID|BIT|BLOB)$/;

/** The JSON text of a column's values, in the quickest way that its type allows. */
export function jsonTextOf({ type }: QueryColumn): ToJsonText {
  if (plainText.test(type)) return (value) => (typeof value === "string" ? `"${value}"` : jsonText(value));
  return jsonText;
}

/** A value of the form `exact` as JSON text. Unlike `JSON.stringify` it keeps the sign of -0. */
export function jsonText(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return numberText(value);
    case "boolean":
      return value ? "true" : "false";
    case "bigint":
      return `"${value}"`;
    case "object":
      return objectText(value);
    default:
      return "null";
  }
}

/** A number as JSON has it: NaN and the infinities, which it has not, as strings. */
function numberText(value: number): string {
  if (value === 0 && Object.is(value, -0)) return "-0";
  return Number.isFinite(value) ? `${value}` : `"${value}"`;
}

function objectText(value: object | null): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  if (value instanceof Date) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${jsonText(member)}`);
  return `{${members.join(",")}}`;
}
