import type * as duckdb from "@duckdb/node-api";

/** The driver's module. */
export type Driver = typeof duckdb;

let loading: Promise<Driver> | undefined;

/** Loads the driver at its first use: its import costs about 180 ms and 70 MB, which no command pays that opens no database. */
export function loadDriver(): Promise<Driver> {
  return (loading ??= import("@duckdb/node-api"));
}

/** The version of DuckDB, `v1.5.6`; loads the driver. Throws what the import throws where the driver has no build for this platform. */
export async function engineVersion(): Promise<string> {
  return (await loadDriver()).version();
}
