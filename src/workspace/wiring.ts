import { defaultConcurrency, duckdbEngine } from "../engine/duckdb/engine.ts";
import { nodePlatform } from "../platform/node.ts";
import type { ReaderOptions } from "../reader/options.ts";
import { openReader, type Reader } from "../reader/reader.ts";
import type { ReleaseEngine } from "../release/engine.ts";
import type { Platform } from "../platform/port.ts";

/** What release stores are operated with: this machine and DuckDB, which is loaded at its first use. */
export function releaseTools(): { readonly platform: Platform; readonly engine: ReleaseEngine } {
  const platform = nodePlatform();
  return { platform, engine: duckdbEngine(platform) };
}

/** Takes a reader's warnings that no listener takes. */
export type WarningSink = (message: string) => void;

const emitWarning: WarningSink = (message) => process.emitWarning(message, "LockkeeperWarning");

/** A reader on this machine with DuckDB. */
export function readerFor(options: ReaderOptions, warn: WarningSink = emitWarning): Promise<Reader> {
  const platform = nodePlatform();
  return openReader(options, {
    platform,
    engine: duckdbEngine(platform),
    defaultConcurrency: defaultConcurrency(),
    warn,
  });
}
