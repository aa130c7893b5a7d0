import type { DuckDBPreparedStatement, DuckDBType, DuckDBValue } from "@duckdb/node-api";
import { firstLine, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { QueryParameters } from "../../model/query.ts";
import { bindFailed, shapeOf, type Place, type Shape } from "./bind-shape.ts";
import { isDriverValue } from "./driver-value.ts";
import type { Driver } from "./driver.ts";
import type { Parameter } from "./statement.ts";

/** A prepared statement and what is known of its parameters. */
export interface Bindable {
  readonly statement: DuckDBPreparedStatement;
  readonly parameters: readonly Parameter[];
}

/**
 * Binds parameters by position (an array) or by name (an object). Whole numbers are INTEGER or BIGINT, others DOUBLE; a bigint is BIGINT or
 * HUGEINT; a Date is an instant (TIMESTAMP WITH TIME ZONE), and its UTC time where the statement wants a TIMESTAMP or DATE, whatever the
 * session's time zone; arrays are lists, plain objects structs, Maps maps. Throws `BIND_FAILED` naming the parameter.
 */
export function bindParameters(driver: Driver, { statement, parameters }: Bindable, values: QueryParameters | undefined): void {
  const ordered = inOrder(parameters, values);
  for (const [index, parameter] of parameters.entries()) {
    bindOne(driver, statement, { index: index + 1, parameter, value: ordered[index] });
  }
}

function inOrder(parameters: readonly Parameter[], values: QueryParameters | undefined): readonly unknown[] {
  const named = parameters.some(({ name }) => !/^\d+$/.test(name));
  if (values === undefined || isList(values)) {
    const given = values ?? [];
    if (named && given.length > 0) {
      throw mismatch(`the statement names its parameters (${list(parameters)}), but values were given by position`);
    }
    if (given.length !== parameters.length) {
      throw mismatch(`the statement has ${count(parameters.length)}, but ${count(given.length, "value")} given`);
    }
    return given;
  }
  const byName = new Map(Object.entries(values));
  const ordered = parameters.map(({ name }) => {
    if (!byName.has(name)) throw mismatch(`there is no value for parameter $${name}`);
    const value = byName.get(name);
    byName.delete(name);
    return value;
  });
  if (byName.size === 0) return ordered;
  const unknown = [...byName.keys()].map((name) => `$${name}`).join(", ");
  throw mismatch(`the statement has no parameter ${unknown}${parameters.length > 0 ? `; it has ${list(parameters)}` : ""}`);
}

interface Binding {
  readonly index: number;
  readonly parameter: Parameter;
  readonly value: unknown;
}

function bindOne(driver: Driver, statement: DuckDBPreparedStatement, { index, parameter, value }: Binding): void {
  const path = `$${parameter.name}`;
  try {
    if (typeof value === "object" && value !== null && isDriverValue(driver, value)) return statement.bindValue(index, value);
    const shape = shapeOf(value, {
      driver,
      path,
      zoneless: parameter.zoneless,
      around: [],
    } satisfies Place);
    const bound = valueOf(driver, value, shape);
    switch (shape.kind) {
      case "null":
        return statement.bindNull(index);
      case "text":
        return statement.bindVarchar(index, bound as string);
      default:
        return statement.bindValue(index, bound, typeOf(driver, shape));
    }
  } catch (error) {
    if (error instanceof LockkeeperError) throw error;
    throw bindFailed(path, `cannot be bound: ${firstLine(error)}`);
  }
}

/** The engine's type of a shape. */
function typeOf(driver: Driver, shape: Shape): DuckDBType {
  switch (shape.kind) {
    case "null":
      return driver.SQLNULL;
    case "boolean":
      return driver.BOOLEAN;
    case "integer":
      return shape.bits === 32 ? driver.INTEGER : driver.BIGINT;
    case "bigint":
      return shape.bits === 128 ? driver.HUGEINT : driver.BIGINT;
    case "double":
      return driver.DOUBLE;
    case "text":
      return driver.VARCHAR;
    case "blob":
      return driver.BLOB;
    case "instant":
      return driver.TIMESTAMPTZ;
    case "zoneless":
      return driver.TIMESTAMP;
    case "driver":
      return shape.type;
    case "list":
      return driver.LIST(typeOf(driver, shape.item));
    case "map":
      return driver.MAP(typeOf(driver, shape.key), typeOf(driver, shape.value));
    case "struct":
      return driver.STRUCT(Object.fromEntries([...shape.fields].map(([name, field]) => [name, typeOf(driver, field)])));
  }
}

/** A value in the driver's form, of the type of `shape`. */
function valueOf(driver: Driver, value: unknown, shape: Shape): DuckDBValue {
  if (value === null || value === undefined) return null;
  switch (shape.kind) {
    case "bigint":
      return BigInt(value as bigint | number);
    case "blob":
      return new driver.DuckDBBlobValue(value as Uint8Array);
    case "instant":
      return new driver.DuckDBTimestampTZValue(BigInt((value as Date).getTime()) * 1000n);
    case "zoneless":
      return new driver.DuckDBTimestampValue(BigInt((value as Date).getTime()) * 1000n);
    case "list":
      return driver.listValue(Array.from(value as readonly unknown[], (item) => valueOf(driver, item, shape.item)));
    case "map": {
      const entries = [...(value as ReadonlyMap<unknown, unknown>)];
      return driver.mapValue(
        entries.map(([key, item]) => ({
          key: valueOf(driver, key, shape.key),
          value: valueOf(driver, item, shape.value),
        })),
      );
    }
    case "struct": {
      // The fields of the shape, in its order: an object among others may lack some of them.
      const fields = new Map(Object.entries(value));
      return driver.structValue(
        Object.fromEntries([...shape.fields].map(([name, field]) => [name, valueOf(driver, fields.get(name), field)])),
      );
    }
    default:
      return value as DuckDBValue;
  }
}

function isList(values: QueryParameters): values is readonly unknown[] {
  return Array.isArray(values);
}

function mismatch(message: string): LockkeeperError {
  return new LockkeeperError("BIND_FAILED", message, {
    hint: "Pass an array for $1, $2 or ?, and an object for $name.",
  });
}

function count(number: number, noun = "parameter"): string {
  const text = `${number === 0 ? "no" : number} ${noun}${number === 1 ? "" : "s"}`;
  return noun === "value" ? `${text} ${number === 1 ? "was" : "were"}` : text;
}

function list(parameters: readonly Parameter[]): string {
  return parameters.map(({ name }) => `$${name}`).join(", ");
}
