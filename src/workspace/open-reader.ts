import { defaultConcurrency, duckdbEngine } from "../engine/duckdb/engine.ts";
import { nodePlatform } from "../platform/node.ts";
import type { ReaderOptions } from "../reader/options.ts";
import { openReader as openReaderWith, type Reader } from "../reader/reader.ts";

/**
 * Opens a reader on a release store's folder. Where `fallback` is not given it is the variable `DUCKDB_PATH`, except inside a build, where that
 * names the file being written. Warnings that no listener takes go to `process.emitWarning`. Throws `USAGE` or `CONFIG_INVALID` for the
 * options; `NO_RELEASE`, or what is wrong with the manifest, its release or the fallback; `FILE_SYSTEM_UNSUPPORTED` on a network file system.
 */
export async function openReader(options: ReaderOptions): Promise<Reader> {
  const platform = nodePlatform();
  const fallback = options.fallback ?? fallbackFrom(process.env);
  return openReaderWith(fallback === undefined ? options : { ...options, fallback }, {
    platform,
    engine: duckdbEngine(platform),
    defaultConcurrency: defaultConcurrency(),
    warn: (message) => process.emitWarning(message, "LockkeeperWarning"),
  });
}

function fallbackFrom(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const inBuild = (environment["LOCKKEEPER_BUILD_PATH"] ?? "") !== "";
  return inBuild ? undefined : environment["DUCKDB_PATH"] || undefined;
}
