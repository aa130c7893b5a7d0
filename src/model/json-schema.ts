import { z } from "zod";
import { configSchema } from "./config.ts";

/** What `jsonSchemaOf` says a `lockkeeper.toml` is. */
export const configTitle = "lockkeeper.toml, as JSON";

/**
 * The JSON Schema of what a file or an answer must have at least, titled. More fields are allowed, except in the configuration, where an unknown key is an
 * error.
 */
export function jsonSchemaOf(title: string, schema: z.ZodType): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return { $schema, title, ...rest };
}

/** The JSON Schema of `lockkeeper.toml`; the package ships the same as `schemas/config.schema.json`. */
export function configJsonSchema(): Record<string, unknown> {
  return jsonSchemaOf(configTitle, configSchema);
}
