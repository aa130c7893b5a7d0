import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Platform } from "../../platform/port.ts";
import { onFile } from "./on-file.ts";
import { quoteIdentifier } from "./sql-text.ts";

/**
 * Folds a write-ahead log into its file and removes it. Throws `FILE_LOCKED`,
 * `FILE_MISSING`, `DATABASE_CORRUPT`, `STORAGE_UNSUPPORTED`, `BUILD_UNFINISHED` when a log is left all the same.
 */
export async function checkpoint(platform: Platform, path: string): Promise<void> {
  await onFile(platform, { path, access: "READ_WRITE" }, async (connection, name) => {
    await connection.run(`CHECKPOINT ${quoteIdentifier(name)}`);
  });
  const log = await platform.files.stat(`${path}.wal`);
  if (!log) return;
  throw new LockkeeperError("BUILD_UNFINISHED", `${path}.wal is still there after a checkpoint`, {
    hint: "End every program that writes the file, then build again.",
    subject: path,
  });
}
