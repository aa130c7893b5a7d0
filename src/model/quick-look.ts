import { z } from "zod";

/** Whether a schema would take a value and give it back as it is. */
type Look = (value: unknown) => boolean;

/**
 * A look at values out of `JSON.parse` for what is read by the thousand: `true` where `schema` would take the value and give it back as it is. `false` says nothing: it is
 * also the answer to a key that the schema would drop, and then the schema decides. It is made from the schema, so the two cannot drift apart: a leaf with a rule
 * of its own, such as a time or a bound, is asked of the schema itself, and only objects, lists and plain leaves are looked at here.
 */
export function quickLook(schema: z.core.$ZodType): Look {
  if (schema instanceof z.ZodObject && schema.def.catchall === undefined && isPlain(schema)) return objectLook(schema);
  if (schema instanceof z.ZodArray && isPlain(schema)) {
    const element = quickLook(schema.def.element);
    return (value) => Array.isArray(value) && value.every(element);
  }
  if (schema instanceof z.ZodOptional && isPlain(schema)) {
    const inner = quickLook(schema.def.innerType);
    return (value) => value === undefined || inner(value);
  }
  if (schema instanceof z.ZodEnum && isPlain(schema)) {
    const options = new Set<unknown>(schema.options);
    return (value) => options.has(value);
  }
  if (schema instanceof z.ZodString && isPlain(schema) && schema.def.coerce !== true) return (value) => typeof value === "string";
  if (schema instanceof z.ZodBoolean && isPlain(schema) && schema.def.coerce !== true)
    return (value) => typeof value === "boolean";
  return (value) => {
    const parsed = z.safeParse(schema, value);
    // A schema that changes what it takes is none for this look.
    return parsed.success && parsed.data === value;
  };
}

function isPlain(schema: z.ZodType): boolean {
  return (schema.def.checks ?? []).length === 0;
}

function objectLook(schema: z.ZodObject): Look {
  const fields = Object.entries<z.core.$ZodType>(schema.shape);
  const looks = new Map(fields.map(([key, field]) => [key, quickLook(field)]));
  const required = new Set(fields.flatMap(([key, field]) => (z.safeParse(field, undefined).success ? [] : [key])));
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    let missing = required.size;
    for (const key of Object.keys(value)) {
      const look = looks.get(key);
      if (look === undefined || !look((value as Record<string, unknown>)[key])) return false;
      if (required.has(key)) missing -= 1;
    }
    return missing === 0;
  };
}
