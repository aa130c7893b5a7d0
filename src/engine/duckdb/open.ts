import type { Platform } from "../../platform/port.ts";
import { clampConcurrency } from "./concurrency.ts";
import { Database } from "./database.ts";
import { loadDriver } from "./driver.ts";
import { assertCatalogueNames, attach, settingsKey, type Settings } from "./instance.ts";
import { lease } from "./registry.ts";
import type { Spare } from "./spare.ts";

/** How a database file is opened for reading. */
export interface OpenOptions {
  readonly path: string;
  /** Catalogue names it is attached under; the first one's schema `main` is searched. */
  readonly names: readonly [string, ...string[]];
  /** Queries at a time, cut to the size of Node's thread pool: each occupies one of its threads (FACTS 1.9). */
  readonly concurrency: number;
  readonly settings: Settings;
}

/**
 * Opens a file read-only in an in-memory instance, or shares the instance that this process has on its inode with the same names and settings.
 * Throws `FILE_LOCKED` with the holder, `FILE_MISSING`, `DATABASE_CORRUPT`, `STORAGE_UNSUPPORTED`, `PERMISSION_DENIED`, `CONFIG_INVALID`.
 */
export async function openForReading(platform: Platform, spare: Spare, options: OpenOptions): Promise<Database> {
  const { path, names, settings } = options;
  assertCatalogueNames(names, path);
  return Database.open({
    platform,
    driver: await loadDriver(),
    path,
    name: names[0],
    concurrency: clampConcurrency(options.concurrency),
    lease: () =>
      lease(platform, {
        path,
        shareKey: JSON.stringify(["read", names, settingsKey(settings)]),
        make: async () => attach(await spare.take(settings), { path, names, access: "READ_ONLY" }),
      }),
  });
}
