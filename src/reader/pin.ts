import { firstLine } from "../errors/lockkeeper-error.ts";
import { sameInode } from "../platform/files.ts";
import { errnoOf } from "../platform/io-error.ts";
import type { OpenFile, Platform } from "../platform/port.ts";

/**
 * What came of pinning a release. `missing`: no pin file, or prune is at it, which as a rule means that the release was
 * replaced meanwhile. `impossible`: this process cannot pin here at all; `reason` says why.
 */
export type PinAttempt =
  | { readonly kind: "pinned"; readonly pin: Pin }
  | { readonly kind: "missing" }
  | { readonly kind: "impossible"; readonly reason: string };

/** A shared kernel lock that keeps a release from being pruned; it goes with the process. */
export interface Pin {
  release(): Promise<void>;
}

/** Pins a release by its pin file, through a read-only descriptor: it works on a read-only mount. Never throws. */
export async function takePin(platform: Platform, path: string): Promise<PinAttempt> {
  let file: OpenFile;
  try {
    file = await platform.files.open(path, "read");
  } catch (error) {
    return errnoOf(error) === "ENOENT" ? { kind: "missing" } : { kind: "impossible", reason: firstLine(error) };
  }
  try {
    // Prune deletes under the exclusive lock: a pin file that was opened before and locked after lies nowhere.
    if (platform.locks.tryLock(file, "shared") && sameInode(await file.stat(), platform.files.statNow(path))) {
      return { kind: "pinned", pin: { release: () => file.close() } };
    }
    await file.close();
    return { kind: "missing" };
  } catch (error) {
    await file.close();
    return { kind: "impossible", reason: firstLine(error) };
  }
}
