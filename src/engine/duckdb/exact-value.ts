import type * as duckdb from "@duckdb/node-api";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { ExactNumber, type ValueForm } from "../../model/query.ts";
import type { Driver } from "./driver.ts";
import { dateText, instantText, timeNsText, timestampNsText, timestampText, timeText } from "./time-text.ts";

type Value = Exclude<duckdb.DuckDBValue, null>;

/** Forms whose values can be read back. */
export type ExactForm = Extract<ValueForm, "exact" | "numbers">;

/** Makes a value that is not NULL of one type into its form. */
export type Convert = (value: Value) => unknown;

/**
 * The conversion of a type to the form `exact` or `numbers`, which docs/formats.md lists. Made once for a column. Throws `QUERY_FAILED` for a STRUCT whose fields
 * JavaScript's objects cannot hold: the driver would lose some.
 */
export function exactly(driver: Driver, type: duckdb.DuckDBType, form: ExactForm = "exact"): Convert {
  const number = form === "numbers" ? numberConverter(driver, type) : undefined;
  return number ?? timeConverter(driver, type) ?? valueConverter(driver, type, form);
}

function valueConverter(driver: Driver, type: duckdb.DuckDBType, form: ExactForm): Convert {
  const { DuckDBTypeId: Id } = driver;
  switch (type.typeId) {
    case Id.FLOAT:
    case Id.DOUBLE:
      return (value) => (Number.isFinite(value) ? value : String(value));
    case Id.DECIMAL:
      return decimalConverter(type.scale);
    case Id.BLOB:
    case Id.GEOMETRY:
      return base64;
    case Id.VARIANT:
      return variantConverter(driver, form);
    default:
      return nestedConverter(driver, type, form) ?? plainConverter(driver, type);
  }
}

function timeConverter({ DuckDBTypeId: Id }: Driver, type: duckdb.DuckDBType): Convert | undefined {
  switch (type.typeId) {
    case Id.DATE:
      return (value) => dateText((value as duckdb.DuckDBDateValue).days);
    case Id.TIME:
      return (value) => timeText(Number((value as duckdb.DuckDBTimeValue).micros));
    case Id.TIME_NS:
      return (value) => timeNsText(Number((value as duckdb.DuckDBTimeNSValue).nanos));
    case Id.TIMESTAMP:
      return (value) => timestampText((value as duckdb.DuckDBTimestampValue).micros);
    case Id.TIMESTAMP_TZ:
      return (value) => instantText((value as duckdb.DuckDBTimestampTZValue).micros);
    case Id.TIMESTAMP_S:
      return (value) => timestampText((value as duckdb.DuckDBTimestampSecondsValue).seconds, 1_000_000n);
    case Id.TIMESTAMP_MS:
      return (value) => timestampText((value as duckdb.DuckDBTimestampMillisecondsValue).millis, 1000n);
    case Id.TIMESTAMP_NS:
      return (value) => timestampNsText((value as duckdb.DuckDBTimestampNanosecondsValue).nanos);
    default:
      return undefined;
  }
}

/** Numbers that JavaScript's cannot hold keep their digits; what is no number is NULL. `undefined` for a type that is the same in both forms. */
function numberConverter(driver: Driver, type: duckdb.DuckDBType): Convert | undefined {
  const { DuckDBTypeId: Id } = driver;
  switch (type.typeId) {
    case Id.FLOAT:
    case Id.DOUBLE:
      return (value) => (Number.isFinite(value) ? value : null);
    case Id.BIGINT:
    case Id.UBIGINT:
    case Id.HUGEINT:
    case Id.UHUGEINT:
    case Id.BIGNUM:
    case Id.DECIMAL: {
      const digits = exactly(driver, type);
      return (value) => new ExactNumber(String(digits(value)));
    }
    default:
      return undefined;
  }
}

function nestedConverter(driver: Driver, type: duckdb.DuckDBType, form: ExactForm): Convert | undefined {
  const { DuckDBTypeId: Id } = driver;
  switch (type.typeId) {
    case Id.LIST: {
      const item = orNull(exactly(driver, type.valueType, form));
      return (value) => (value as duckdb.DuckDBListValue).items.map(item);
    }
    case Id.ARRAY: {
      const item = orNull(exactly(driver, type.valueType, form));
      return (value) => (value as duckdb.DuckDBArrayValue).items.map(item);
    }
    case Id.STRUCT:
      return structConverter(driver, type, form);
    case Id.MAP: {
      const { keyType, valueType } = type;
      const [key, item] = [orNull(exactly(driver, keyType, form)), orNull(exactly(driver, valueType, form))];
      return (value) =>
        (value as duckdb.DuckDBMapValue).entries.map((entry) => ({ key: key(entry.key), value: item(entry.value) }));
    }
    case Id.UNION: {
      const { memberTags, memberTypes } = type;
      const members = new Map(
        memberTags.map((tag, index) => [tag, orNull(exactly(driver, memberTypes[index] ?? driver.ANY, form))]),
      );
      return (value) => {
        const { tag, value: member } = value as duckdb.DuckDBUnionValue;
        return { tag, value: members.get(tag)?.(member) ?? null };
      };
    }
    default:
      return undefined;
  }
}

function structConverter(driver: Driver, { entryNames, entryTypes }: duckdb.DuckDBStructType, form: ExactForm): Convert {
  const fields = entryNames.map((name, index) => ({
    name,
    convert: orNull(exactly(driver, entryTypes[index] ?? driver.ANY, form)),
  }));
  if (new Set(entryNames).size < entryNames.length || entryNames.includes("__proto__")) {
    throw new LockkeeperError("QUERY_FAILED", `a STRUCT has fields without names of their own: ${entryNames.join(", ")}`, {
      hint: "Name its fields, as in {'a': 1, 'b': 2}; __proto__ is no name.",
    });
  }
  return (value) => {
    const { entries } = value as duckdb.DuckDBStructValue;
    return Object.fromEntries(fields.map(({ name, convert }) => [name, convert(entries[name] ?? null)]));
  };
}

/** Types that the driver's JSON form has exactly: numbers up to 32 bits, booleans, whole numbers as strings, text, UUID, BIT, ENUM, TIMETZ, INTERVAL. */
function plainConverter(driver: Driver, type: duckdb.DuckDBType): Convert {
  const { DuckDBTypeId: Id, JsonDuckDBValueConverter: convert } = driver;
  const asIs: readonly number[] = [Id.BOOLEAN, Id.TINYINT, Id.SMALLINT, Id.INTEGER, Id.UTINYINT, Id.USMALLINT, Id.UINTEGER];
  if (asIs.includes(type.typeId) || type.typeId === Id.VARCHAR || type.typeId === Id.ENUM) return (value) => value;
  return (value) => convert(value, type, convert);
}

/** A VARIANT holds values of any types; the driver walks it. */
function variantConverter(driver: Driver, form: ExactForm): Convert {
  const walk = driver.JsonDuckDBValueConverter as duckdb.DuckDBValueConverter<unknown>;
  const leaf: duckdb.DuckDBValueConverter<unknown> = (value, type) =>
    value === null ? null : exactly(driver, type, form)(value);
  return (value) => walk(value, driver.VARIANT, leaf);
}

function decimalConverter(scale: number): Convert {
  return (value) => {
    const digits = String((value as duckdb.DuckDBDecimalValue).value);
    if (scale === 0) return digits;
    const negative = digits.startsWith("-");
    const padded = (negative ? digits.slice(1) : digits).padStart(scale + 1, "0");
    const point = padded.length - scale;
    return `${negative ? "-" : ""}${padded.slice(0, point)}.${padded.slice(point)}`;
  };
}

function base64(value: Value): string {
  const { bytes } = value as duckdb.DuckDBBlobValue;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function orNull(convert: Convert): (value: duckdb.DuckDBValue) => unknown {
  return (value) => (value === null ? null : convert(value));
}
