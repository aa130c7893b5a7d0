import { isAbsolute, join, resolve } from "node:path";
import { environmentName } from "../model/environment.ts";
import { workingFolder } from "./config-file.ts";

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variable that names the single file an app used before it had releases. */
const defaultVariable = "DUCKDB_PATH";

/** What decides on a store's fallback. */
export interface FallbackRequest {
  /** The store's `fallback`: a path, `env:NAME`, or nothing. */
  readonly configured: string | undefined;
  /** What a relative path in `configured` is relative to. */
  readonly folder: string;
  /** Whether no other store could be meant by `DUCKDB_PATH`. */
  readonly onlyStore: boolean;
  readonly environment: Environment;
}

/**
 * Absolute path of the file that readers serve where there is no manifest, or `undefined` for none. Without `fallback` it is
 * `DUCKDB_PATH`, honoured only when one store is meant. A path in a variable is relative to the working folder, as a shell's is.
 */
export function fallbackPath({ configured, folder, onlyStore, environment }: FallbackRequest): string | undefined {
  if (configured === undefined) return onlyStore ? defaultFallback(environment) : undefined;
  const variable = environmentName(configured);
  if (variable !== undefined) return fromVariable(environment, variable);
  return isAbsolute(configured) ? configured : join(folder, configured);
}

/** The fallback of a reader that is not told one. */
export function defaultFallback(environment: Environment): string | undefined {
  return fromVariable(environment, defaultVariable);
}

function fromVariable(environment: Environment, variable: string): string | undefined {
  // Inside a build this variable names the file being written, which is no release.
  if (variable === defaultVariable && environment["LOCKKEEPER_BUILD_PATH"]) return undefined;
  const value = environment[variable];
  if (!value) return undefined;
  return isAbsolute(value) ? value : resolve(workingFolder(), value);
}
