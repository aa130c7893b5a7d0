import { defaultConcurrency, duckdbEngine, engineVersion, threadPoolSize } from "../engine/duckdb/engine.ts";
import { sqliteEngine } from "../engine/sqlite/engine.ts";
import { nodeMachine } from "../platform/machine.ts";
import { nodePlatform } from "../platform/node.ts";
import type { ReaderOptions } from "../reader/options.ts";
import { openReader, type Reader } from "../reader/reader.ts";
import type { ReleaseEngine, SqliteTools } from "../release/engine.ts";
import type { Platform } from "../platform/port.ts";

/** What release stores are operated with: this machine, DuckDB and SQLite, which are loaded at their first use. */
export function releaseTools(): { readonly platform: Platform; readonly engine: ReleaseEngine; readonly sqlite: SqliteTools } {
  const platform = nodePlatform();
  return { platform, engine: duckdbEngine(platform), sqlite: sqliteEngine(platform) };
}

/** Takes a reader's warnings that no listener takes. */
export type WarningSink = (message: string) => void;

/** Tells a warning as Node tells its own. */
export const emitWarning: WarningSink = (message) => process.emitWarning(message, "LockkeeperWarning");

/** What releases are read with: this machine, DuckDB and SQLite, which are loaded at their first use. */
export function readerTools(warn: WarningSink = emitWarning) {
  const platform = nodePlatform();
  const sqlite = sqliteEngine(platform);
  return {
    platform,
    engine: duckdbEngine(platform),
    openSqlite: (path: string) => sqlite.open(path),
    defaultConcurrency: defaultConcurrency(),
    warn,
  } as const;
}

/** A reader on this machine with DuckDB. */
export function readerFor(options: ReaderOptions, warn?: WarningSink): Promise<Reader> {
  return openReader(options, readerTools(warn));
}

/** What a machine is looked at with: this one and DuckDB, which is loaded at its first use. */
export function machineTools() {
  const environment: Readonly<Record<string, string | undefined>> = process.env;
  return { machine: nodeMachine(), engineVersion, threads: threadPoolSize(), environment } as const;
}
