import { z } from "zod";
import { environmentName } from "./environment.ts";
import { measures } from "./measures.ts";

/** A number of milliseconds that people write as a duration. */
export class ShownDuration {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
}

/** A number of bytes that people write as a size. */
export class ShownSize {
  readonly bytes: number;
  constructor(bytes: number) {
    this.bytes = bytes;
  }
}

/** A value that stands in a variable: its name, and whether it is set here. Never the value. */
export class ShownVariable {
  readonly env: string;
  readonly set: boolean;
  constructor(env: string, set: boolean) {
    this.env = env;
    this.set = set;
  }
}

/** A value of which a part is shown at most: `shown` is the origin of an address, or nothing. */
export class ShownSecret {
  readonly shown: string | undefined;
  constructor(shown: string | undefined) {
    this.shown = shown;
  }
}

/** A configuration as it may be shown: values that are special are marked. */
export type View =
  | string
  | number
  | boolean
  | ShownDuration
  | ShownSize
  | ShownVariable
  | ShownSecret
  | readonly View[]
  | { readonly [key: string]: View };

/** What a view depends on besides the configuration. */
export interface ViewContext {
  /** A path of the file's folder, made absolute. */
  readonly absolute: (path: string) => string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Keys whose values are never shown, wherever they stand. */
const secretKey = /(?:^|_)(?:secret|sha256|password|token)$/i;

/** Keys of addresses, of which the origin is shown: user, path and query may hold a secret. */
const addressKey = /(?:^|_)url$/i;

/** Keys whose values are paths, wherever they stand. A pattern of paths is one, too. */
const pathKeys: ReadonlySet<string> = new Set(["dir", "fallback", "fallback_parquet", "file", "sql", "queries"]);

/**
 * A parsed value as it may be shown. The schema that it was parsed with tells durations and sizes from numbers; keys tell paths and secrets, so that a part of
 * the file that this function does not know is shown all the same. Where there is no schema, numbers stay numbers.
 */
export function viewOf(value: unknown, schema: z.core.$ZodType | undefined, context: ViewContext): View {
  return viewAt({ key: "", value, schema }, context);
}

/** Where in a configuration a value stands. */
interface Place {
  readonly key: string;
  readonly value: unknown;
  readonly schema: z.core.$ZodType | undefined;
}

function viewAt({ key, value, schema }: Place, context: ViewContext): View {
  const bare = bareSchema(schema);
  if (Array.isArray(value)) {
    const element = bare instanceof z.ZodArray ? bare.element : undefined;
    return value.map((item: unknown) => viewAt({ key, value: item, schema: element }, context));
  }
  if (typeof value === "object" && value !== null) return tableView({ key, value, schema: bare }, context);
  if (typeof value === "string") return textView(key, value, context);
  if (secretKey.test(key)) return new ShownSecret(undefined);
  if (typeof value === "number") return numberView(value, bare);
  return typeof value === "boolean" ? value : String(value);
}

function tableView({ value, schema }: Place, context: ViewContext): View {
  const table: Record<string, View> = {};
  const shape = optionOf(schema, value);
  const values = value as Readonly<Record<string, unknown>>;
  for (const key of inOrder(Object.keys(values), shape)) {
    const inner = values[key];
    if (inner === undefined) continue;
    const under = shape instanceof z.ZodRecord ? shape.valueType : fieldOf(shape, key);
    table[key] = viewAt({ key, value: inner, schema: under }, context);
  }
  return table;
}

function textView(key: string, text: string, { absolute, environment }: ViewContext): View {
  const variable = environmentName(text);
  if (variable !== undefined) return new ShownVariable(variable, Boolean(environment[variable]));
  if (secretKey.test(key)) return new ShownSecret(undefined);
  if (addressKey.test(key)) return new ShownSecret(originOf(text));
  return pathKeys.has(key) ? absolute(text) : text;
}

/** Scheme, host and port of an address; nothing of any other text, and of an address that has no host. */
function originOf(text: string): string | undefined {
  const origin = URL.canParse(text) ? new URL(text).origin : "null";
  return origin === "null" ? undefined : origin;
}

/** The schema without what only says that a value may be left out. */
function bareSchema(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return bareSchema(schema.unwrap());
  return schema;
}

function numberView(value: number, schema: z.core.$ZodType | undefined): View {
  const of = schema && measures.get(schema)?.of;
  if (of === "milliseconds") return new ShownDuration(value);
  return of === "bytes" ? new ShownSize(value) : value;
}

function fieldOf(schema: z.core.$ZodType | undefined, key: string): z.core.$ZodType | undefined {
  if (!(schema instanceof z.ZodObject)) return undefined;
  const shape = schema.shape as Readonly<Record<string, z.core.$ZodType>>;
  return Object.hasOwn(shape, key) ? shape[key] : undefined;
}

/** Keys as the schema lists them, so that one file is always shown the same; then those that it does not know. */
function inOrder(keys: readonly string[], schema: z.core.$ZodType | undefined): readonly string[] {
  if (!(schema instanceof z.ZodObject)) return keys;
  const known = Object.keys(schema.shape);
  return [...known.filter((key) => keys.includes(key)), ...keys.filter((key) => !known.includes(key))];
}

/** Of a union that one field tells apart, the shape that a value has. */
function optionOf(schema: z.core.$ZodType | undefined, value: unknown): z.core.$ZodType | undefined {
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return schema;
  const { discriminator } = schema.def;
  const said = (value as Record<string, unknown>)[discriminator];
  return schema.options.find((option) => {
    const literal = fieldOf(option, discriminator);
    return literal instanceof z.ZodLiteral && literal.values.has(said as never);
  });
}

/** A view as JSON has it: durations in milliseconds, sizes in bytes, a variable as `{env, set}`, a secret as `{hidden: true}` with what may be shown of it. */
export function viewAsJson(view: View): unknown {
  if (view instanceof ShownDuration) return view.ms;
  if (view instanceof ShownSize) return view.bytes;
  if (view instanceof ShownVariable) return { env: view.env, set: view.set };
  if (view instanceof ShownSecret) return { hidden: true, ...(view.shown !== undefined && { origin: view.shown }) };
  if (isList(view)) return view.map(viewAsJson);
  if (!isTable(view)) return view;
  return Object.fromEntries(Object.entries(view).map(([key, inner]) => [key, viewAsJson(inner)]));
}

/** Whether a view is a list. */
export function isList(view: View): view is readonly View[] {
  return Array.isArray(view);
}

/** Whether a view is a table of keys. */
export function isTable(view: View): view is { readonly [key: string]: View } {
  const marks = [ShownDuration, ShownSize, ShownVariable, ShownSecret];
  return typeof view === "object" && !isList(view) && !marks.some((mark) => view instanceof mark);
}

/** What `config show` prints. */
export const configResultSchema = z.object({
  path: z.string().describe("Absolute path of the file."),
  namedBy: z.enum(["--config", "LOCKKEEPER_CONFIG", "search"]).describe("What named the file."),
  config: z
    .record(z.string(), z.unknown())
    .describe(
      "Keys as in the file, defaults filled in. Durations in milliseconds, sizes in bytes; `{env, set}` for a value that stands in a variable; `{hidden: true, origin?}` for one that may be a secret.",
    ),
});
