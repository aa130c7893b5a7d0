/** How a value of the configuration names an environment variable: `env:DUCKDB_PATH`. */
export const environmentPattern = /^env:([A-Za-z_][A-Za-z0-9_]*)$/;

/** The variable that a value such as `env:DUCKDB_PATH` names, or `undefined` for a plain value. */
export function environmentName(value: string): string | undefined {
  return environmentPattern.exec(value)?.[1];
}
