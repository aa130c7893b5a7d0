import { fileURLToPath } from "node:url";
import type { Platform } from "../../platform/port.ts";
import { askFileChild } from "./file-child.ts";

const worker = fileURLToPath(new URL("./copy-worker.js", import.meta.url));

/** How bytes got into a copy: shared with the source by the file system, or written again. */
export type CopyKind = "reflink" | "copy";

/**
 * Copies a file to a path where nothing lies, in a child process: reading a database file in this one would drop this process's locks on it (FACTS
 * 1.3). Never a hard link. Not synced; interrupted, it leaves a part. Throws `FILE_MISSING`, `PERMISSION_DENIED`, `DISK_FULL`, `IO_FAILED`, and
 * `INTERRUPTED` when the signal aborts.
 */
export async function copyFile(
  platform: Platform,
  { source, target, signal }: { readonly source: string; readonly target: string; readonly signal?: AbortSignal | undefined },
): Promise<CopyKind> {
  return askFileChild<CopyKind>(platform, { worker, paths: [source, target], task: "copies a file", signal });
}
