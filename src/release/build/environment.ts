import { join } from "node:path";
import { dbtTarget } from "../dbt/files.ts";
import type { ReleaseStore } from "../store.ts";
import type { BuildFolder } from "./folder.ts";

/** The file of a build folder that a build appends JSON lines to. */
export function messagesPath(folder: string): string {
  return join(folder, "messages.jsonl");
}

/** What a build is told of: its folder, and the active release. */
export interface BuildPlace {
  readonly folder: Pick<BuildFolder, "folder" | "path">;
  readonly base: { readonly path: string; readonly version: number } | undefined;
}

/** The variables by which a build finds its way; docs/builds.md describes each. */
export function buildEnvironment(store: ReleaseStore, { folder, base }: BuildPlace): Record<string, string | undefined> {
  return {
    LOCKKEEPER_STORE: store.name,
    LOCKKEEPER_BUILD_PATH: folder.path,
    LOCKKEEPER_BUILD_DIR: folder.folder,
    LOCKKEEPER_BASE_PATH: base?.path,
    LOCKKEEPER_BASE_VERSION: base && String(base.version),
    LOCKKEEPER_MESSAGES: messagesPath(folder.folder),
    DUCKDB_PATH: folder.path,
    ...(store.artifacts.some(({ kind }) => kind === "parquet") && { PARQUET_DIR: folder.folder }),
    DBT_TARGET_PATH: join(folder.folder, dbtTarget),
    DBT_LOG_PATH: join(folder.folder, "dbt-logs"),
    // A session with Dagster is its publisher's: a second one would end it.
    DAGSTER_PIPES_CONTEXT: undefined,
    DAGSTER_PIPES_MESSAGES: undefined,
  };
}
