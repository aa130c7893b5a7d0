import type { Reader } from "../reader/reader.ts";
import type { ReaderOptions } from "../reader/options.ts";
import { defaultFallback } from "./fallback.ts";
import { readerFor } from "./wiring.ts";
import type { Workspace } from "./api.ts";

/**
 * Opens a reader: on a folder, or on a store of a workspace. Where no `fallback` or `fallbackParquet` is given it is what the variable `DUCKDB_PATH` or
 * `PARQUET_DIR` names, for one store is meant; inside a build it is none. Throws `USAGE`, `NO_RELEASE`, `MANIFEST_INVALID`, `FILE_SYSTEM_UNSUPPORTED` and what opening a database throws.
 */
export async function openReader(
  options: ReaderOptions | { readonly workspace: Workspace; readonly store: string },
): Promise<Reader> {
  if ("workspace" in options) return options.workspace.openReader(options.store);
  const fallback = options.fallback ?? defaultFallback("file", process.env);
  const fallbackParquet = options.fallbackParquet ?? defaultFallback("parquet", process.env);
  return readerFor({ ...options, fallback, fallbackParquet });
}
