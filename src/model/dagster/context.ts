import { z } from "zod";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { didYouMean } from "../nearest.ts";

/** What names the context of a step, and where its messages go. Both are base64 of zlib of JSON. */
export const pipesVariables = { context: "DAGSTER_PIPES_CONTEXT", messages: "DAGSTER_PIPES_MESSAGES" } as const;

/** A context, from a file or a variable, that is larger is refused. Bytes. */
export const contextBytesMax = 16 * 1024 * 1024;

/** Assets of one step. */
const assetsMax = 10_000;
/** Checks that one asset may declare. */
const checksMax = 10_000;

const contextParametersSchema = z.union(
  [z.object({ path: z.string().min(1) }), z.object({ data: z.unknown() })],
  'has neither "path" nor "data"',
);

const contextSchema = z.object({
  asset_keys: z.array(z.string().min(1)).max(assetsMax).nullish(),
  extras: z.record(z.string(), z.unknown()).nullish(),
});

const streamSchema = z.enum(["stdout", "stderr"]);

const messagesSchema = z.union(
  [z.object({ path: z.string().min(1) }), z.object({ stdio: streamSchema }), z.object({ buffered_stdio: streamSchema })],
  'has neither "path", "stdio" nor "buffered_stdio"',
);

const checkNames = z.array(z.string().regex(/^[A-Za-z0-9_]+$/, "must be a name of letters, digits and _")).max(checksMax);

const ownExtrasSchema = z.strictObject({
  checks: z
    .union([checkNames, z.record(z.string(), checkNames)], "must be a list of names, or such a list for each asset")
    .optional(),
});

/** Where a step's context lies: in a file, or in the variable itself. */
export type ContextPlace = z.infer<typeof contextParametersSchema>;

/** What of a step's context matters here. */
export interface StepContext {
  /** Keys of the assets that the step makes, as Dagster writes them: parts with `/` between, `\` before one that is part of a name. */
  readonly assets: readonly string[];
  readonly extras: Readonly<Record<string, unknown>>;
}

/** Where messages go. */
export type MessagesPlace =
  | { readonly kind: "file"; readonly path: string }
  /** `buffered`: all at the end, so that they do not lie between other lines. */
  | { readonly kind: "stream"; readonly stream: "stdout" | "stderr"; readonly buffered: boolean };

/** The checks that each asset of a step declares, by the asset's key. An asset that declares none is not in it. */
export type DeclaredChecks = ReadonlyMap<string, readonly string[]>;

/** Reads what `DAGSTER_PIPES_CONTEXT` holds. Throws `USAGE`. */
export function parseContextPlace(value: unknown): ContextPlace {
  return parsed(contextParametersSchema, value, pipesVariables.context);
}

/** Reads a context. Throws `USAGE`; `what` is where it came from. */
export function parseContext(value: unknown, what: string): StepContext {
  const { asset_keys, extras } = parsed(contextSchema, value, what);
  return { assets: asset_keys ?? [], extras: extras ?? {} };
}

/** Reads what `DAGSTER_PIPES_MESSAGES` holds; of several places the first of file, stream, buffered stream counts. Throws `USAGE`. */
export function parseMessagesPlace(value: unknown): MessagesPlace {
  const place = parsed(messagesSchema, value, pipesVariables.messages);
  if ("path" in place) return { kind: "file", path: place.path };
  if ("stdio" in place) return { kind: "stream", stream: place.stdio, buffered: false };
  return { kind: "stream", stream: place.buffered_stdio, buffered: true };
}

/**
 * Reads `extras.lockkeeper.checks`: the names of the checks that the step's asset declares, or for several assets such a list under each key. Throws `USAGE` for
 * other fields, for an asset that the step does not make, and for a list where it is not plain whose it is.
 */
export function declaredChecks({ assets, extras }: StepContext): DeclaredChecks {
  const own = extras["lockkeeper"] === undefined ? {} : parsed(ownExtrasSchema, extras["lockkeeper"], "extras.lockkeeper");
  const { checks = [] } = own;
  const [only = ""] = assets;
  if (Array.isArray(checks)) {
    if (checks.length > 0 && assets.length !== 1) throw unassigned(assets.length);
    return declared(checks.length > 0 ? [[only, checks]] : []);
  }
  const unknown = Object.keys(checks).find((asset) => !assets.includes(asset));
  if (unknown === undefined) return declared(Object.entries(checks));
  throw fault(
    `extras.lockkeeper.checks names the asset "${unknown}", which this step does not make${didYouMean(unknown, assets)}`,
    "Keys are as AssetKey.to_escaped_user_string() writes them; select the asset together with its checks.",
  );
}

/** Dagster fails a step that reports one check twice. */
function declared(entries: readonly (readonly [string, readonly string[]])[]): DeclaredChecks {
  return new Map(entries.filter(([, names]) => names.length > 0).map(([asset, names]) => [asset, [...new Set(names)]]));
}

function unassigned(assets: number): LockkeeperError {
  return fault(
    `extras.lockkeeper.checks is a list, and the step makes ${assets} assets: nobody can tell whose checks they are`,
    'Give a list for each asset: {"key": ["name"]}.',
  );
}

function fault(message: string, hint: string): LockkeeperError {
  return new LockkeeperError("USAGE", message, { hint, subject: "extras.lockkeeper" });
}

function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = [what, ...(issue?.path.map(String) ?? [])].join(".");
  throw malformed(what, `${place} ${issue?.message ?? "is malformed"}`);
}

/** `USAGE` for a variable, or a file that one names, that Dagster did not write so. */
export function malformed(what: string, message: string): LockkeeperError {
  return new LockkeeperError("USAGE", message, {
    hint: `Dagster's Pipes client sets ${pipesVariables.context} and ${pipesVariables.messages}, protocol 0.1. To publish without Dagster, take both out of the environment.`,
    subject: what,
  });
}
