import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Platform } from "../../platform/port.ts";
import { askFileChild } from "./file-child.ts";

/** Bytes and sha256 of a file. */
export interface Digest {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

const worker = fileURLToPath(new URL("./digest-worker.js", import.meta.url));
/** Arguments of one child. Linux takes 2 MiB with the environment, Windows 32 KiB. */
const argumentBytesMax = 24 * 1024;

/**
 * Bytes and sha256 of files, read in a child process: opening and closing a database file in this one would drop this process's locks on
 * it (FACTS 1.3). Throws `FILE_MISSING`, `PERMISSION_DENIED`, `IO_FAILED`, and `INTERRUPTED` when the signal aborts.
 */
export async function digestFiles(platform: Platform, paths: readonly string[], signal?: AbortSignal): Promise<Digest[]> {
  const digests: Digest[] = [];
  for (const part of batches(paths)) {
    digests.push(...(await askFileChild<readonly Digest[]>(platform, { worker, paths: part, task: "reads files", signal })));
  }
  return digests.map((digest, index) => ({ ...digest, path: paths[index] ?? digest.path }));
}

function* batches(paths: readonly string[]): Generator<string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for (const path of paths) {
    const added = Buffer.byteLength(resolve(path)) + 1;
    if (batch.length > 0 && bytes + added > argumentBytesMax) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(path);
    bytes += added;
  }
  if (batch.length > 0) yield batch;
}
