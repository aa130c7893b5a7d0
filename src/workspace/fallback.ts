import { isAbsolute, join, resolve } from "node:path";
import { environmentName } from "../model/environment.ts";
import { workingFolder } from "./config-file.ts";

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that name what an app served before it had releases, by its kind: the single file, and the folder of Parquet tables. */
export const fallbackVariables = { file: "DUCKDB_PATH", parquet: "PARQUET_DIR" } as const;

/** What a fallback may be. */
export type FallbackKind = keyof typeof fallbackVariables;

/** What decides on a store's fallback. */
export interface FallbackRequest {
  readonly kind: FallbackKind;
  /** The store's `fallback` or `fallback_parquet`: a path, `env:NAME`, or nothing. */
  readonly configured: string | undefined;
  /** What a relative path in `configured` is relative to. */
  readonly folder: string;
  /** Whether no other store could be meant by the variable. */
  readonly onlyStore: boolean;
  readonly environment: Environment;
}

/**
 * Absolute path of what readers serve where there is no manifest, or `undefined` for none. Where nothing is configured it is what
 * `DUCKDB_PATH` or `PARQUET_DIR` names, honoured only when one store is meant. A path in a variable is relative to the working folder, as a shell's is.
 */
export function fallbackPath({ kind, configured, folder, onlyStore, environment }: FallbackRequest): string | undefined {
  if (configured === undefined) return onlyStore ? defaultFallback(kind, environment) : undefined;
  const variable = environmentName(configured);
  if (variable !== undefined) return fromVariable(environment, variable);
  return isAbsolute(configured) ? configured : join(folder, configured);
}

/** The fallback of a reader that is not told one. */
export function defaultFallback(kind: FallbackKind, environment: Environment): string | undefined {
  return fromVariable(environment, fallbackVariables[kind]);
}

function fromVariable(environment: Environment, variable: string): string | undefined {
  // Inside a build these variables name what is being written, which is no release.
  const isOfBuild = Object.values<string>(fallbackVariables).includes(variable);
  if (isOfBuild && environment["LOCKKEEPER_BUILD_PATH"]) return undefined;
  const value = environment[variable];
  if (!value) return undefined;
  return isAbsolute(value) ? value : resolve(workingFolder(), value);
}
