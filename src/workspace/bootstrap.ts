import { dirname, join } from "node:path";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { extensionNamePattern, type BootstrapResult } from "../model/bootstrap.ts";
import { haveExtensions } from "../engine/duckdb/engine.ts";
import { bootstrapFolders } from "../release/bootstrap.ts";
import type { OperationOptions, ReleaseStore } from "../release/store.ts";
import type { LoadedConfig } from "./config-file.ts";
import { readerOptions, type NamedStore } from "./store-options.ts";

/** Options of `workspace.bootstrap`. */
export interface BootstrapOptions extends Pick<OperationOptions, "signal"> {
  /** Extensions of DuckDB that the builds need, for example `postgres`. */
  readonly extensions?: readonly string[] | undefined;
  /** Tells what is missing; makes and installs nothing. */
  readonly dryRun?: boolean | undefined;
}

/** Makes a store's folders and those of its fallback, and installs and loads extensions. Throws `USAGE` for what is no extension's name, before anything is made. */
export async function bootstrap(
  { loaded, named, store }: { readonly loaded: LoadedConfig; readonly named: NamedStore; readonly store: ReleaseStore },
  { extensions = [], dryRun = false, signal }: BootstrapOptions,
): Promise<BootstrapResult> {
  const names = [...new Set(extensions)];
  for (const name of names) assertExtensionName(name);
  const folders = await bootstrapFolders(store, { others: fallbackFolders(loaded, named), dryRun });
  const found = await haveExtensions(store.platform, { names, install: !dryRun, signal });
  return { store: named.name, dryRun, folders, extensions: found };
}

/** What other programs write into where there is no manifest yet: the folder of Parquet tables and its artifacts', and the single file's. */
function fallbackFolders(loaded: LoadedConfig, named: NamedStore): string[] {
  const { fallback, fallbackParquet } = readerOptions(loaded, named);
  const place = typeof fallbackParquet === "string" ? { dir: fallbackParquet } : fallbackParquet;
  const artifacts = place?.artifacts ?? [];
  return [
    ...(place ? [place.dir, ...artifacts.map(({ path }) => join(place.dir, ...path.split("/")))] : []),
    ...(fallback === undefined ? [] : [dirname(fallback)]),
  ];
}

function assertExtensionName(name: string): void {
  if (extensionNamePattern.test(name)) return;
  throw new LockkeeperError("USAGE", `"${name}" is not the name of an extension`, {
    hint: "Names are lower-case letters, digits and `_`, for example postgres or httpfs.",
    subject: name,
  });
}
