import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new folder in the system's place for temporary files that no other user may look into. Rejects with Node's error. */
export function makePrivateFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "lockkeeper-"));
}

/** Removes such a folder with what is in it; fine where it is gone. */
export function removePrivateFolder(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true });
}
