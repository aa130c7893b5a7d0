import type { DuckDBType, DuckDBValue } from "@duckdb/node-api";
import type { Driver } from "./driver.ts";

let classes: (new (...values: never[]) => object)[] | undefined;

/** Whether `value` is one of the driver's own value objects (`DuckDBDecimalValue` and the like). */
export function isDriverValue(driver: Driver, value: object): value is Extract<DuckDBValue, object> {
  classes ??= Object.entries(driver)
    .filter(([name, member]) => /^DuckDB\w+Value$/.test(name) && typeof member === "function")
    .map(([, member]) => member as unknown as new () => object);
  return classes.some((each) => value instanceof each);
}

/** The type of one of the driver's scalar values; `undefined` for a list, struct, map and the like, which carry none. */
export function driverTypeOf(driver: Driver, value: DuckDBValue): DuckDBType | undefined {
  if (value instanceof driver.DuckDBDecimalValue) return driver.DECIMAL(value.width, value.scale);
  if (value instanceof driver.DuckDBUUIDValue) return driver.UUID;
  const scalars: readonly (readonly [new (...values: never[]) => object, DuckDBType])[] = [
    [driver.DuckDBDateValue, driver.DATE],
    [driver.DuckDBTimeValue, driver.TIME],
    [driver.DuckDBTimeTZValue, driver.TIMETZ],
    [driver.DuckDBTimestampValue, driver.TIMESTAMP],
    [driver.DuckDBTimestampTZValue, driver.TIMESTAMPTZ],
    [driver.DuckDBTimestampSecondsValue, driver.TIMESTAMP_S],
    [driver.DuckDBTimestampMillisecondsValue, driver.TIMESTAMP_MS],
    [driver.DuckDBTimestampNanosecondsValue, driver.TIMESTAMP_NS],
    [driver.DuckDBIntervalValue, driver.INTERVAL],
    [driver.DuckDBBlobValue, driver.BLOB],
    [driver.DuckDBBitValue, driver.BIT],
  ];
  return scalars.find(([each]) => value instanceof each)?.[1];
}
