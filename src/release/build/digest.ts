import { createHash } from "node:crypto";
import { throwIfInterrupted } from "../../errors/interrupted.ts";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { ioError } from "../../platform/io-error.ts";
import type { FileStat, OpenFile } from "../../platform/port.ts";
import type { FileDigest } from "../engine.ts";
import type { ReleaseStore } from "../store.ts";

/** A file up to this size is hashed here, in less time than a child process takes to start (0.9–1.7 GB/s a core, against 60 ms). Bytes. */
const hashedHereMax = 32 * 1024 * 1024;

/** Hashed at a time: about a millisecond in which nothing else runs here. Bytes. */
const chunkBytes = 1024 * 1024;

/**
 * Bytes and sha256 of a build's file. A small one is read through the descriptor that is open on it anyway, for opening and closing another would drop locks that
 * this process may hold on it (FACTS 1.3); a large one in a child process. Throws `IO_FAILED`, `INTERRUPTED`.
 */
export async function digestOf(store: ReleaseStore, file: OpenFile, signal: AbortSignal | undefined): Promise<FileDigest> {
  if ((await file.stat()).bytes <= hashedHereMax) return hashHere(file, signal);
  const [digest] = await store.engine.digest([file.path], signal);
  if (!digest) throw new LockkeeperError("BUG", `no digest of ${file.path}`);
  return digest;
}

/**
 * Bytes and sha256 of a file that is no database, read through a descriptor of its own, with its stat before the reading. `sync`: what was written to it is durable then. Throws `FILE_MISSING`,
 * `IO_FAILED`, `INTERRUPTED`.
 */
export async function digestFile(
  store: ReleaseStore,
  path: string,
  { sync = false, signal }: { readonly sync?: boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly digest: FileDigest; readonly stat: FileStat }> {
  const file = await store.platform.files.open(path, "read").catch((error: unknown) => {
    throw ioError(error, "open", path);
  });
  try {
    if (sync) await file.sync();
    const stat = await file.stat();
    return { digest: await hashHere(file, signal), stat };
  } finally {
    await file.close();
  }
}

async function hashHere(file: OpenFile, signal: AbortSignal | undefined): Promise<FileDigest> {
  const hash = createHash("sha256");
  let bytes = 0;
  for (;;) {
    throwIfInterrupted(signal, "the build");
    const chunk = await file.read(bytes, chunkBytes);
    hash.update(chunk);
    bytes += chunk.length;
    if (chunk.length < chunkBytes) return { path: file.path, bytes, sha256: hash.digest("hex") };
  }
}
