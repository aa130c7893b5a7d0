import { resolve } from "node:path";
import type { DuckDBInstance } from "@duckdb/node-api";
import { firstLine, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { reservedBasenames } from "../../model/names.ts";
import { loadDriver } from "./driver.ts";
import { engineError } from "./errors.ts";
import { quoteIdentifier, quoteLiteral } from "./sql-text.ts";

/** Engine settings by name, as text. */
export type Settings = Readonly<Record<string, string>>;

/**
 * What every instance starts with; a caller's settings come on top. A query that needs an extension which is not installed
 * fails at once instead of trying to download it.
 */
const baseSettings: Settings = { autoinstall_known_extensions: "false" };

/** Settings of the built-in ICU extension, which is not there yet while an instance is made. */
const lateSettings: ReadonlySet<string> = new Set(["timezone", "calendar"]);

/** Equal settings give equal keys. */
export function settingsKey(settings: Settings): string {
  return JSON.stringify(Object.entries(settings).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** An in-memory instance with nothing attached: about 8 ms. Throws `CONFIG_INVALID` for a setting the engine does not know. */
export async function createInstance(settings: Settings): Promise<DuckDBInstance> {
  const { DuckDBInstance } = await loadDriver();
  const all = Object.entries({ ...baseSettings, ...settings });
  const late = all.filter(([name]) => lateSettings.has(name.toLowerCase()));
  let instance: DuckDBInstance | undefined;
  try {
    instance = await DuckDBInstance.create(":memory:", Object.fromEntries(all.filter((entry) => !late.includes(entry))));
    if (late.length > 0)
      await runOnce(
        instance,
        late.map(([name, value]) => `SET GLOBAL ${quoteIdentifier(name)} = ${quoteLiteral(value)}`),
      );
    return instance;
  } catch (error) {
    instance?.closeSync();
    throw new LockkeeperError("CONFIG_INVALID", `the engine refuses its settings: ${firstLine(error)}`, {
      hint: "Look at the names and values of the engine settings.",
      cause: error,
    });
  }
}

/** A file to attach. */
export interface Attachment {
  readonly path: string;
  readonly names: readonly string[];
  readonly access: "READ_ONLY" | "READ_WRITE";
}

/**
 * Attaches one file under each of its names. On failure the instance is closed. Throws `FILE_LOCKED`, `FILE_MISSING`,
 * `DATABASE_CORRUPT`, `STORAGE_UNSUPPORTED`, `PERMISSION_DENIED`, `CONFIG_INVALID` for a reserved name.
 */
export async function attach(instance: DuckDBInstance, { path, names, access }: Attachment): Promise<DuckDBInstance> {
  // An absolute path cannot be taken for another kind of database (`md:x`), nor the file's first bytes (SQLite).
  const file = quoteLiteral(resolve(path));
  const statements = names.map((name) => `ATTACH ${file} AS ${quoteIdentifier(name)} (TYPE DUCKDB, ${access})`);
  try {
    await runOnce(instance, statements);
    return instance;
  } catch (error) {
    instance.closeSync();
    throw engineError(error, { path, opening: true });
  }
}

async function runOnce(instance: DuckDBInstance, statements: readonly string[]): Promise<void> {
  const connection = await instance.connect();
  try {
    await connection.run(statements.join(";\n"));
  } finally {
    connection.closeSync();
  }
}

/** Throws `CONFIG_INVALID` for a name that no file can be attached under; before anything is opened, for a failed attach closes the file. */
export function assertCatalogueNames(names: readonly string[], path: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    const lower = name.toLowerCase();
    if (name !== "" && !name.includes("\0") && !reservedBasenames.has(lower) && !seen.has(lower)) {
      seen.add(lower);
      continue;
    }
    throw new LockkeeperError("CONFIG_INVALID", `${path} cannot be attached as "${name}"`, {
      hint: "Names are not empty, differ in more than case, and are not memory, main, temp or system.",
      subject: path,
    });
  }
}
