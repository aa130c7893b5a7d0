import { types } from "node:util";
import type { DuckDBType, DuckDBValue } from "@duckdb/node-api";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Driver } from "./driver.ts";
import { driverTypeOf, isDriverValue } from "./driver-value.ts";

/** The type a JavaScript value is bound as, found from the value itself. */
export type Shape =
  | { readonly kind: "null" | "boolean" | "text" | "blob" | "instant" | "zoneless" }
  | { readonly kind: "double" }
  | { readonly kind: "integer" | "bigint"; readonly bits: 32 | 64 | 128 }
  | { readonly kind: "driver"; readonly type: DuckDBType }
  | { readonly kind: "list"; readonly item: Shape }
  | { readonly kind: "struct"; readonly fields: ReadonlyMap<string, Shape> }
  | { readonly kind: "map"; readonly key: Shape; readonly value: Shape };

/** Where a value stands, for messages, and what surrounds it. */
export interface Place {
  readonly driver: Driver;
  /** For example `$1[2].name`. */
  readonly path: string;
  /** Whether a Date means a time without a zone, in UTC. */
  readonly zoneless: boolean;
  /** The objects around the value: one that appears again holds itself. */
  readonly around: readonly object[];
}

const int64 = 2n ** 63n;
const int128 = 2n ** 127n;
const depthMax = 64;
const nullShape: Shape = { kind: "null" };

/** The shape of a value. Throws `BIND_FAILED` naming the place for a value that has none. */
export function shapeOf(value: unknown, place: Place): Shape {
  if (value === null || value === undefined) return nullShape;
  switch (typeof value) {
    case "boolean":
      return { kind: "boolean" };
    case "number":
      return numberShape(value);
    case "bigint":
      return bigintShape(value, place);
    case "string":
      // A surrogate without its other half has no UTF-8 form and would be replaced in silence.
      if (/\p{Surrogate}/u.test(value)) throw bindFailed(place.path, "is a string with half a surrogate pair");
      return { kind: "text" };
    case "object":
      return objectShape(value, place);
    default:
      throw bindFailed(place.path, `is a ${typeof value}`);
  }
}

function numberShape(value: number): Shape {
  // Minus zero is a DOUBLE: an integer has no sign there. So is a whole number too large to be exact.
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return { kind: "double" };
  return { kind: "integer", bits: value >= -(2 ** 31) && value < 2 ** 31 ? 32 : 64 };
}

function bigintShape(value: bigint, place: Place): Shape {
  if (value >= -int64 && value < int64) return { kind: "bigint", bits: 64 };
  if (value > -int128 && value < int128) return { kind: "bigint", bits: 128 };
  throw bindFailed(place.path, "is a bigint that does not fit a HUGEINT (128 bits)");
}

function objectShape(value: object, place: Place): Shape {
  if (types.isDate(value)) {
    if (Number.isNaN(value.getTime())) throw bindFailed(place.path, "is an invalid Date");
    return { kind: place.zoneless ? "zoneless" : "instant" };
  }
  if (types.isUint8Array(value)) return { kind: "blob" };
  if (isDriverValue(place.driver, value)) return driverShape(value, place);
  if (place.around.includes(value)) throw bindFailed(place.path, "holds itself");
  if (place.around.length >= depthMax) throw bindFailed(place.path, `is nested deeper than ${depthMax} levels`);
  const inside = (suffix: string): Place => ({
    ...place,
    path: place.path + suffix,
    around: [...place.around, value],
  });
  if (Array.isArray(value)) return { kind: "list", item: commonShape(value, (index) => inside(`[${index}]`)) };
  if (types.isMap(value)) return mapShape(value, inside);
  if (isPlain(value)) return structShape(value, inside);
  throw bindFailed(place.path, `is an object of class ${className(value)}`);
}

function driverShape(value: DuckDBValue, place: Place): Shape {
  const type = driverTypeOf(place.driver, value);
  if (type) return { kind: "driver", type };
  throw bindFailed(place.path, "is a driver's nested value inside an array or object; use plain arrays, objects and Maps there");
}

function mapShape(value: ReadonlyMap<unknown, unknown>, inside: (suffix: string) => Place): Shape {
  const keys = [...value.keys()];
  for (const key of keys) {
    if (key === null || key === undefined) throw bindFailed(inside(".keys()").path, "is a Map with a null key");
  }
  const key = commonShape(keys, () => inside(".keys()"));
  return { kind: "map", key, value: commonShape([...value.values()], () => inside(".values()")) };
}

function structShape(value: object, inside: (suffix: string) => Place): Shape {
  const fields = new Map<string, Shape>();
  const seen = new Set<string>();
  for (const [key, field] of Object.entries(value)) {
    const place = inside(`.${key}`);
    if (key === "__proto__") throw bindFailed(place.path, "is a key that cannot be bound");
    // The engine compares field names without case.
    if (seen.has(key.toLowerCase())) throw bindFailed(place.path, "differs from another key only in case");
    seen.add(key.toLowerCase());
    fields.set(key, shapeOf(field, place));
  }
  return { kind: "struct", fields };
}

function commonShape(values: readonly unknown[], placeOf: (index: number) => Place): Shape {
  let common = nullShape;
  // By index, for a hole in a sparse array is NULL too.
  for (let index = 0; index < values.length; index += 1) {
    const place = placeOf(index);
    const shape = shapeOf(values[index], place);
    const both = merge(common, shape);
    if (!both) throw bindFailed(place.path, `is ${nameOf(shape)} among ${nameOf(common)} values: the values must have one type`);
    common = both;
  }
  return common;
}

/** The shape that holds values of both without loss, or `undefined`. */
function merge(a: Shape, b: Shape): Shape | undefined {
  if (a.kind === "null") return b;
  if (b.kind === "null") return a;
  if (isNumeric(a) && isNumeric(b)) return mergeNumbers(a, b);
  if (a.kind === "list" && b.kind === "list") {
    const item = merge(a.item, b.item);
    return item && { kind: "list", item };
  }
  if (a.kind === "map" && b.kind === "map") {
    const key = merge(a.key, b.key);
    const value = merge(a.value, b.value);
    return key && value && { kind: "map", key, value };
  }
  if (a.kind === "struct" && b.kind === "struct") return mergeFields(a.fields, b.fields);
  return nameOf(a) === nameOf(b) ? a : undefined;
}

type NumericShape = Extract<Shape, { readonly kind: "integer" | "bigint" } | { readonly kind: "double" }>;

function isNumeric(shape: Shape): shape is NumericShape {
  return shape.kind === "integer" || shape.kind === "bigint" || shape.kind === "double";
}

/** Whole numbers become DOUBLE next to fractions; a bigint does not, for it may be too large to be exact there. */
function mergeNumbers(a: NumericShape, b: NumericShape): Shape | undefined {
  if (a.kind === "double") return b.kind === "bigint" ? undefined : a;
  if (b.kind === "double") return a.kind === "bigint" ? undefined : b;
  return { kind: a.kind === b.kind ? a.kind : "bigint", bits: a.bits > b.bits ? a.bits : b.bits };
}

/** A field that one of them lacks is NULL there. */
function mergeFields(a: ReadonlyMap<string, Shape>, b: ReadonlyMap<string, Shape>): Shape | undefined {
  const fields = new Map(a);
  for (const [key, shape] of b) {
    const both = merge(fields.get(key) ?? nullShape, shape);
    if (!both) return undefined;
    fields.set(key, both);
  }
  const names = new Set([...fields.keys()].map((key) => key.toLowerCase()));
  return names.size === fields.size ? { kind: "struct", fields } : undefined;
}

function nameOf(shape: Shape): string {
  return shape.kind === "driver" ? shape.type.toString() : shape.kind;
}

/** `BIND_FAILED` for the value at a place. */
export function bindFailed(path: string, text: string): LockkeeperError {
  return new LockkeeperError("BIND_FAILED", `parameter ${path} ${text}`, {
    hint: "Pass null, boolean, number, bigint, string, Date, Uint8Array, arrays, plain objects, Maps or the driver's own values.",
    subject: path,
  });
}

/** Also of another realm, whose `Object.prototype` is not ours. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function className(value: object): string {
  const { constructor } = value as { constructor?: { name?: unknown } };
  return typeof constructor?.name === "string" && constructor.name !== "" ? constructor.name : "(unnamed)";
}
