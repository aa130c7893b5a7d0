import { fileURLToPath } from "node:url";
import type { Extension } from "../../model/bootstrap.ts";
import type { Platform } from "../../platform/port.ts";
import { askChild } from "./file-child.ts";

const worker = fileURLToPath(new URL("./extension-worker.js", import.meta.url));

/** Extensions to have. */
export interface ExtensionRequest {
  readonly names: readonly string[];
  /** Install what does not load, which may download it. */
  readonly install: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads extensions of this engine, installing those that are not there, in a child process: a download can be ended. What is installed lies where this user's builds with the
 * same version of the engine find it. What cannot be had is a result, not an error. Throws `IO_FAILED` where the child dies, `INTERRUPTED`.
 */
export async function haveExtensions(platform: Platform, { names, install, signal }: ExtensionRequest): Promise<Extension[]> {
  if (names.length === 0) return [];
  return askChild<Extension[]>(platform, {
    worker,
    words: [install ? "install" : "look", ...names],
    task: "loads extensions",
    signal,
  });
}
