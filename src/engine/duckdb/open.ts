import type { DuckDBInstance } from "@duckdb/node-api";
import { parquetCatalogue, type ParquetSource } from "../../model/artifact.ts";
import type { Platform } from "../../platform/port.ts";
import { clampConcurrency } from "./concurrency.ts";
import { Database } from "./database.ts";
import { loadDriver } from "./driver.ts";
import { assertCatalogueNames, attach, createInstance, settingsKey, type Settings } from "./instance.ts";
import { parquetKey, searchPathOf, showParquet } from "./parquet-views.ts";
import { lease } from "./registry.ts";
import type { Spare } from "./spare.ts";

/** How a database file is opened for reading. */
export interface OpenOptions {
  /** The DuckDB file; where `names` is empty, any file of the release: it stands for it among what is open in this process. */
  readonly path: string;
  /** Catalogue names it is attached under; the first one's schema `main` is searched. Empty where there is no DuckDB file. */
  readonly names: readonly string[];
  /** Tables of Parquet files, shown as views of the in-memory catalogue. */
  readonly parquet?: readonly ParquetSource[] | undefined;
  /** Queries at a time, cut to the size of Node's thread pool: each occupies one of its threads (FACTS 1.9). */
  readonly concurrency: number;
  readonly settings: Settings;
}

/**
 * Opens a file read-only in an in-memory instance, or shares the instance that this process has on its inode with the same names and settings.
 * Throws `FILE_LOCKED` with the holder, `FILE_MISSING`, `DATABASE_CORRUPT`, also for a Parquet table that does not bind, `STORAGE_UNSUPPORTED`, `PERMISSION_DENIED`,
 * `CONFIG_INVALID`.
 */
export async function openForReading(platform: Platform, spare: Spare, options: OpenOptions): Promise<Database> {
  const { path, names, settings, parquet = [] } = options;
  assertCatalogueNames(names, path);
  return Database.open({
    platform,
    driver: await loadDriver(),
    path,
    searchPath: (instance) => searchPathOf(instance, names[0], parquet),
    concurrency: clampConcurrency(options.concurrency),
    lease: () =>
      lease(platform, {
        path,
        shareKey: JSON.stringify(["read", names, settingsKey(settings), parquetKey(parquet)]),
        make: async () => showParquet(await attached(await spare.take(settings), { path, names }), parquet),
      }),
  });
}

/** Shows Parquet tables in an instance of its own, with nothing attached: no database file is open, so nobody else's lock hangs on it. Throws what `showParquet` throws. */
export async function openParquet(platform: Platform, parquet: readonly ParquetSource[]): Promise<Database> {
  return Database.open({
    platform,
    driver: await loadDriver(),
    path: parquet[0]?.files[0] ?? parquetCatalogue,
    searchPath: (instance) => searchPathOf(instance, undefined, parquet),
    concurrency: 1,
    lease: async () => {
      const instance = await showParquet(await createInstance({}), parquet);
      let open = true;
      const release = (): void => {
        if (open) instance.closeSync();
        open = false;
      };
      return { instance, file: { device: 0n, inode: 0n }, release, retire: () => undefined };
    },
  });
}

async function attached(instance: DuckDBInstance, { path, names }: Pick<OpenOptions, "path" | "names">): Promise<DuckDBInstance> {
  return names.length === 0 ? instance : attach(instance, { path, names, access: "READ_ONLY" });
}
