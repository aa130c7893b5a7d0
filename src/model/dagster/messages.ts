import { isLockkeeperError, firstLine } from "../../errors/lockkeeper-error.ts";

/** The protocol that is spoken. */
const protocol = "0.1";

/** Characters of a text among metadata; the rest of a longer one is cut off. */
const textMax = 10_000;

/** How grave a line of the log is, in Dagster's words. */
export type LogLevel = "DEBUG" | "INFO" | "WARNING" | "ERROR";

/** A value with its type. Numbers are whole: Dagster stops reading messages at a `float` that is written without a fraction. */
export type MetadataValue =
  | { readonly type: "text" | "url" | "path"; readonly raw_value: string }
  | { readonly type: "int"; readonly raw_value: number }
  | { readonly type: "json"; readonly raw_value: object };

/** Metadata of a materialisation or a check, by name. */
export type Metadata = Readonly<Record<string, MetadataValue>>;

/** Why a session ended badly. Dagster asks for every field. */
export interface PipesException {
  readonly name: string;
  readonly message: string;
  readonly stack: readonly string[];
  readonly cause: null;
  readonly context: null;
}

/** One message to Dagster. */
export type PipesMessage =
  | { readonly method: "opened"; readonly params: { readonly extras: object } }
  | { readonly method: "log"; readonly params: { readonly message: string; readonly level: LogLevel } }
  | {
      readonly method: "report_asset_materialization";
      readonly params: { readonly asset_key: string; readonly data_version: string | null; readonly metadata: Metadata };
    }
  | {
      readonly method: "report_asset_check";
      readonly params: {
        readonly asset_key: string;
        readonly check_name: string;
        readonly passed: boolean;
        readonly severity: "WARN" | "ERROR";
        readonly metadata: Metadata;
      };
    }
  | { readonly method: "closed"; readonly params: { readonly exception?: PipesException } };

/** A message as one line without its line feed, in ASCII: what splits text at other line ends, or wants valid UTF-16, meets neither. */
export function pipesLine({ method, params }: PipesMessage): string {
  const text = JSON.stringify({ __dagster_pipes_version: protocol, method, params }, (_key, value: unknown) =>
    typeof value === "string" ? value.replaceAll(/\p{Surrogate}/gu, "\ufffd") : value,
  );
  return text.replaceAll(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Text among metadata. */
export function textValue(text: string): MetadataValue {
  return { type: "text", raw_value: text.length > textMax ? `${text.slice(0, textMax)}…` : text };
}

/** A whole number among metadata; a fraction is rounded. */
export function countValue(count: number): MetadataValue {
  return { type: "int", raw_value: Math.round(count) };
}

/** What any thrown value is told as: its code and message, and what to do next. */
export function exceptionOf(error: unknown): PipesException {
  if (!isLockkeeperError(error)) return namedException("BUG", `unexpected: ${firstLine(error)}`);
  return namedException(error.code, error.hint === undefined ? error.message : `${error.message}\n${error.hint}`);
}

/** An exception of a name; Dagster shows the message alone, so the name begins it. */
export function namedException(name: string, message: string): PipesException {
  return { name, message: `${name}: ${message}\n`, stack: [], cause: null, context: null };
}
