import { errnoOf, ioError } from "../platform/io-error.ts";
import type { ReleaseStore } from "./store.ts";

/**
 * Our error (`DISK_FULL`, `PERMISSION_DENIED`, …) for one of the operating system that came up from a step without words of its own; anything else as it is.
 */
export function namedError(store: ReleaseStore, error: unknown): unknown {
  // Node's own misuse errors are ERR_…: those are faults of ours, not the system's.
  if (!/^E[A-Z0-9]+$/.test(errnoOf(error) ?? "")) return error;
  const { syscall, path } = error as { readonly syscall?: string; readonly path?: string };
  return ioError(error, syscall ?? "use", path ?? store.paths.folder);
}

/** Runs an operation on a store so that what the operating system refuses has a code of ours. */
export async function namingErrors<T>(store: ReleaseStore, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw namedError(store, error);
  }
}
