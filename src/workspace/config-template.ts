/** A store to write into a configuration. Paths as they are to stand in the file. */
export interface StoreTemplate {
  readonly name: string;
  readonly dir: string;
  readonly basename: string;
  readonly fallback?: string | undefined;
}

/** A new `lockkeeper.toml` with one store, commented for somebody who has never seen one. */
export function configText(store: StoreTemplate): string {
  return `# Lockkeeper's configuration: docs/configuration.md has every key. Paths are relative to this file.
format = 1

${storeText(store)}`;
}

/** A store's section, to stand alone or at the end of a file. */
export function storeText({ name, dir, basename, fallback }: StoreTemplate): string {
  const fallbackLine =
    fallback === undefined
      ? '# fallback = "env:DUCKDB_PATH"          # the single file that readers serve where there is no manifest'
      : `# What readers serve where there is no manifest: deleting ${dir}/db_manifest.json goes back to it.\nfallback = ${tomlString(fallback)}`;
  return `[stores.${name}]
kind = "release"
dir = ${tomlString(dir)}
layout = "slots"                         # two files: the active release and the one before
basename = ${tomlString(basename)}
${fallbackLine}

# What \`lockkeeper publish ${name}\` runs; it writes the DuckDB file that the variable DUCKDB_PATH names.
# build = { command = ["python", "etl.py"], timeout = "2h" }

# Rules that a build must pass before readers see it.
# checks = [
#   { check = "tables", names = ["my_table"] },
#   { check = "rows", table = "my_table", min = 1 },
# ]

# How readers behave; these are the defaults.
# reader = { freshness = "strict", drain_timeout = "30s", fallback_idle = "1s" }
`;
}

/** A TOML basic string: JSON's escapes are TOML's, but for DEL. */
function tomlString(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", String.raw`\u007f`);
}
