import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Platform } from "../../platform/port.ts";
import { engineError } from "./errors.ts";
import { attach, createInstance } from "./instance.ts";
import { lease } from "./registry.ts";
import { quoteIdentifier } from "./sql-text.ts";
import { catalogueNameOf } from "./views.ts";

/**
 * Folds a write-ahead log into its file and removes it. Throws `FILE_LOCKED`,
 * `FILE_MISSING`, `DATABASE_CORRUPT`, `STORAGE_UNSUPPORTED`, `BUILD_UNFINISHED` when a log is left all the same.
 */
export async function checkpoint(platform: Platform, path: string): Promise<void> {
  const name = catalogueNameOf(path);
  const held = await lease(platform, {
    path,
    shareKey: "write",
    exclusive: true,
    make: async () => attach(await createInstance({}), { path, names: [name], access: "READ_WRITE" }),
  });
  try {
    const connection = await held.instance.connect();
    try {
      await connection.run(`CHECKPOINT ${quoteIdentifier(name)}`);
    } finally {
      connection.closeSync();
    }
  } catch (error) {
    throw engineError(error, { path, opening: true });
  } finally {
    held.release();
  }
  const log = await platform.files.stat(`${path}.wal`);
  if (!log) return;
  throw new LockkeeperError("BUILD_UNFINISHED", `${path}.wal is still there after a checkpoint`, {
    hint: "End every program that writes the file, then build again.",
    subject: path,
  });
}
