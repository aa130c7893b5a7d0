/** Types of a named query's parameters, as its file spells them. `[]` after one makes a list of it. */
export const parameterTypes = ["integer", "number", "decimal", "text", "boolean", "date", "timestamp"] as const;

/** The type of a named query's parameter. */
export type ParameterType = (typeof parameterTypes)[number];

/** One value, as it is bound; decimals, dates and timestamps are texts, which the statement casts, so that nothing is rounded. */
export type ParameterScalar = bigint | number | boolean | string;

/** What is bound, and the engine's type that the statement casts it to: `BIGINT`, `DECIMAL(5,2)[]`. */
export interface TypedValue {
  readonly sqlType: string;
  readonly value: ParameterScalar | readonly ParameterScalar[] | null;
}

/** Values of one list. */
export const listValuesMax = 1_000;

/** Characters of one value. */
export const valueCharactersMax = 10_000;

/** Digits of DuckDB's widest DECIMAL. */
const decimalDigitsMax = 38;

const int64 = 2n ** 63n;

interface TypeRule {
  readonly sqlType: string;
  /** Completes "it must be …". */
  readonly wanted: string;
  /** `undefined` for a text that is no such value. */
  readonly read: (text: string) => ParameterScalar | undefined;
}

const rules: Readonly<Record<ParameterType, TypeRule>> = {
  integer: {
    sqlType: "BIGINT",
    wanted: "a whole number from -9223372036854775808 to 9223372036854775807",
    read: (text) => {
      if (!/^-?\d{1,100}$/.test(text)) return undefined;
      const value = BigInt(text);
      return value >= -int64 && value < int64 ? value : undefined;
    },
  },
  number: {
    sqlType: "DOUBLE",
    wanted: "a number such as 1, -2.5 or 1e6",
    read: (text) => {
      const value = /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?$/.test(text) ? Number(text) : Number.NaN;
      return Number.isFinite(value) ? value : undefined;
    },
  },
  decimal: {
    // The type of a NULL; `decimalType` tells that of values.
    sqlType: "DECIMAL(18,3)",
    wanted: `a decimal number such as -12.50, of ${decimalDigitsMax} digits at most`,
    read: (text) => (decimalType([text]) === undefined ? undefined : text),
  },
  text: {
    sqlType: "VARCHAR",
    wanted: "a text without NUL characters and halves of surrogate pairs",
    read: (text) => (text.includes("\0") || /\p{Surrogate}/u.test(text) ? undefined : text),
  },
  boolean: {
    sqlType: "BOOLEAN",
    wanted: "true or false",
    read: (text) => (text === "true" || text === "false" ? text === "true" : undefined),
  },
  date: { sqlType: "DATE", wanted: "a date such as 2026-11-20", read: (text) => (isDate(text) ? text : undefined) },
  timestamp: {
    sqlType: "TIMESTAMP",
    wanted: "a date, or a date and time such as 2026-11-20T03:00:00 or 2026-11-20T03:00:00.5Z",
    read: readTimestamp,
  },
};

/** A parameter's type: one value, or a list of them. */
export interface DeclaredType {
  readonly type: ParameterType;
  readonly list: boolean;
}

/** `integer` or `integer[]`, as files spell a type. */
export function typeText({ type, list }: DeclaredType): string {
  return `${type}${list ? "[]" : ""}`;
}

/** What a value of the type has to be, to complete "it must be …". */
export function wantedValue({ type }: DeclaredType): string {
  return rules[type].wanted;
}

/** NULL, of the type. */
export function typedNull({ type, list }: DeclaredType): TypedValue {
  return { sqlType: `${rules[type].sqlType}${list ? "[]" : ""}`, value: null };
}

/**
 * The value that the texts spell: of one text, or, for a list, of as many as there are. Instead a sentence without its subject where they spell none: `is "x"; it
 * must be …`, with the place in a list.
 */
export function readTyped(declared: DeclaredType, texts: readonly string[]): TypedValue | string {
  const { sqlType, wanted, read } = rules[declared.type];
  if (texts.length > listValuesMax) return `has ${texts.length} values; at most ${listValuesMax} are taken`;
  const values: ParameterScalar[] = [];
  for (const [index, text] of texts.entries()) {
    const place = declared.list && texts.length > 1 ? ` at place ${index + 1}` : "";
    if (text.length > valueCharactersMax) return `has ${text.length} characters${place}; at most ${valueCharactersMax} are taken`;
    const value = read(text);
    if (value === undefined) return `is ${shown(text)}${place}; it must be ${wanted}`;
    values.push(value);
  }
  const ofOne = declared.type === "decimal" && texts.length > 0 ? decimalType(texts) : sqlType;
  if (ofOne === undefined) return `needs more than ${decimalDigitsMax} digits to hold all of its values`;
  const [first = null] = values;
  return declared.list ? { sqlType: `${ofOne}[]`, value: values } : { sqlType: ofOne, value: first };
}

/** A value in a message: quoted, and cut where it is long. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text);
}

/** The narrowest DECIMAL that holds each of the numbers as it is; `undefined` where there is none. */
function decimalType(texts: readonly string[]): string | undefined {
  let whole = 0;
  let scale = 0;
  for (const text of texts) {
    const match = /^-?0*(\d*)(?:\.(\d+))?$/.exec(text);
    if (!match || !/\d/.test(text) || /^-?\./.test(text)) return undefined;
    whole = Math.max(whole, match[1]?.length ?? 0);
    scale = Math.max(scale, match[2]?.length ?? 0);
  }
  const width = Math.max(1, whole + scale);
  return width <= decimalDigitsMax ? `DECIMAL(${width},${scale})` : undefined;
}

/** Whether `text` is a day of the years 0001 to 9999. */
function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text.startsWith("0000")) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** Date and time of day as DuckDB reads them, exact to the microsecond; a time with a zone in UTC. */
function readTimestamp(text: string): string | undefined {
  if (isDate(text)) return `${text} 00:00:00`;
  const pattern =
    /^(\d{4}-\d{2}-\d{2})[T ]((?:[01]\d|2[0-3]):[0-5]\d)(?::([0-5]\d)(\.\d{1,6})?)?(Z|[+-](?:0\d|1[0-8]):[0-5]\d)?$/;
  const [, day = "", time = "", seconds = "00", fraction = "", zone = ""] = pattern.exec(text) ?? [];
  if (!isDate(day)) return undefined;
  // Without its fraction, which a Date would cut to milliseconds.
  const instant = new Date(`${day}T${time}:${seconds}${zone === "" ? "Z" : zone}`).toISOString();
  const utc = instant.slice(0, 10);
  return isDate(utc) ? `${utc} ${instant.slice(11, 19)}${fraction}` : undefined;
}
