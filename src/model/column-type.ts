const numbers = /^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL(?:\(\d+, ?\d+\))?|BIGNUM|VARINT)$/;
const texts = /^(?:VARCHAR|JSON|ENUM(?:\(.*\))?)$/s;
const zoneless = /^(?:DATE|TIMESTAMP(?:_S|_MS|_NS)?)$/;
const zoned = /^(?:TIMESTAMP WITH TIME ZONE|TIMESTAMPTZ)$/;

/** Families of types whose values compare without a conversion that could fail or depend on a setting. */
export type TypeFamily = "number" | "text" | "boolean" | "zoneless" | "zoned" | "other";

/** The family of a column's type as the engine spells it. Lists, structs and the like, UUID, TIME, BLOB and so on are `other`: each compares with itself only. */
export function familyOf(type: string): TypeFamily {
  if (numbers.test(type)) return "number";
  if (type === "BOOLEAN") return "boolean";
  if (zoneless.test(type)) return "zoneless";
  if (zoned.test(type)) return "zoned";
  // An array of enums ends with a bracket, whatever its values hold.
  return texts.test(type) && !type.endsWith("]") ? "text" : "other";
}

/** Whether values of two types can be compared as they are. */
export function comparable(left: string, right: string): boolean {
  const family = familyOf(left);
  return left === right || (family !== "other" && family === familyOf(right));
}
