import { LockkeeperError } from "../../errors/lockkeeper-error.ts";

const unreadable =
  /Trying to read a database file with version number (?<version>\d+), but we can only read (?:versions between (?<low>\d+) and (?<high>\d+)|version (?<only>\d+))/;

/**
 * The number in a file of the engine's first version that writes it, for 1.x: the engine itself names what it reads.
 * Measured with `ATTACH … (STORAGE_VERSION …)` on 1.5.6; 69 is what 2.0 writes by default.
 */
const names: Readonly<Record<string, string>> = {
  64: "v1.0.0",
  65: "v1.2.0",
  66: "v1.3.0",
  67: "v1.4.0",
  68: "v1.5.0",
  69: "v2.0.0",
};

/** Name of a storage version by its number in the file: `v1.5.0` for 68, `99` where it is not known. */
export function storageVersionName(number: number | bigint): string {
  return names[String(number)] ?? String(number);
}

const oldHint = "Open it with the DuckDB that wrote it, EXPORT DATABASE there, and IMPORT it with a newer one.";

/** `STORAGE_UNSUPPORTED` when the engine's text says that it cannot read the file's storage version, else `undefined`. */
export function storageErrorOf(text: string, path: string | undefined): LockkeeperError | undefined {
  const groups = unreadable.exec(text)?.groups;
  if (!groups) return undefined;
  const { version = "", low = groups["only"] ?? "", high = low } = groups;
  const newest = storageVersionName(Number(high));
  const named = names[version] === undefined ? version : `${version} (${names[version]})`;
  return new LockkeeperError(
    "STORAGE_UNSUPPORTED",
    `${path ?? "the file"} has storage version ${named}; this engine reads ${low} to ${high} (${newest})`,
    {
      hint:
        Number(version) < Number(low)
          ? oldHint
          : `Let its writer keep to ${newest}: storage_compatibility_version = '${newest}' (dbt: config_options), or ATTACH … (STORAGE_VERSION '${newest}').`,
      ...(path !== undefined && { subject: path }),
    },
  );
}

/** The engine's own word for the version of an attached file, as `duckdb_databases()` has it: `v1.5.0+` means readable from 1.5.0 on. */
export const storageVersionSql = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = $1";

/** A version as the engine words it, in ours: `v1.5.0+` is `v1.5.0`. */
export function storageVersionOf(word: unknown): string {
  return typeof word === "string" && word !== "" ? word.replace(/\+$/, "") : "unknown";
}
