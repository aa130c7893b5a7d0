import { LockkeeperError, isLockkeeperError } from "../errors/lockkeeper-error.ts";
import {
  identifyManifest,
  manifestBytesMax,
  renderManifest,
  type IdentifiedManifest,
  type OwnManifest,
} from "../model/manifest.ts";
import { recoveryBarrier, replaceFile } from "../platform/files.ts";
import { ioError } from "../platform/io-error.ts";
import type { ReleaseStore } from "./store.ts";

/** Foreign writers truncate and rewrite in place; the worst stretch measured was 16 ms. */
const lookAgainMs = 100;
const lookPauseMs = 10;

/**
 * The manifest as it stands, with its identity; `undefined` where there is none. One that cannot be read or is missing is looked at
 * again for 100 ms before it counts. Throws `MANIFEST_INVALID`, `FORMAT_UNSUPPORTED`, `PERMISSION_DENIED`.
 */
export async function lookAtManifest(store: ReleaseStore): Promise<IdentifiedManifest | undefined> {
  const { clock } = store.platform;
  const deadline = clock.monotonicMs() + lookAgainMs;
  for (;;) {
    try {
      const found = lookOnce(store);
      if (found || clock.monotonicMs() >= deadline) return found;
    } catch (error) {
      if (!isLockkeeperError(error, "MANIFEST_INVALID") || clock.monotonicMs() >= deadline) throw error;
    }
    await clock.wait(lookPauseMs);
  }
}

function lookOnce(store: ReleaseStore): IdentifiedManifest | undefined {
  const path = store.paths.manifest;
  try {
    const read = store.platform.files.readNow(path, manifestBytesMax);
    return read && identifyManifest(read, path);
  } catch (error) {
    throw ioError(error, "read", path);
  }
}

/** Makes the manifest that is there durable before anything else is changed; a crash may have left it half way to the disk. */
export async function makeManifestDurable(store: ReleaseStore): Promise<void> {
  await recoveryBarrier(store.platform, store.paths.manifest);
}

/** Throws `MANIFEST_MOVED` unless the manifest still has the identity that a decision was made on. */
export async function assertManifestUnmoved(store: ReleaseStore, expected: IdentifiedManifest | undefined): Promise<void> {
  const now = await lookAtManifest(store);
  if (now?.identity === expected?.identity) return;
  throw new LockkeeperError("MANIFEST_MOVED", `${store.paths.manifest} was changed by another program in the meantime`, {
    hint: "Look at `lockkeeper status`, then try again.",
    subject: store.paths.manifest,
  });
}

/**
 * The switch: replaces the manifest and reads it back. When it returns, the new release is out and durable. An error after the rename
 * says so: from the switch on nothing is undone.
 */
export async function writeManifest(store: ReleaseStore, fields: Omit<OwnManifest, "formatVersion" | "digest">): Promise<void> {
  const bytes = renderManifest(fields);
  try {
    await replaceFile(store.platform, { path: store.paths.manifest, bytes, failpoint: "switch" });
    const read = store.platform.files.readNow(store.paths.manifest, manifestBytesMax);
    if (read?.bytes?.equals(bytes)) return;
  } catch (error) {
    if (lookOnce(store)?.manifest.own?.commit !== fields.commit) throw error;
    throw new LockkeeperError("IO_FAILED", `${fields.release} is active, but the disk did not confirm it`, {
      hint: "It may be gone after a power cut. Look at the disk; the next publish or rollback makes it durable.",
      subject: store.paths.manifest,
      cause: error,
    });
  }
  throw new LockkeeperError("MANIFEST_MOVED", `${store.paths.manifest} was replaced by another program right after the switch`, {
    hint: "Another program writes this manifest without taking `.writer.lock`; see docs/format.md.",
    subject: store.paths.manifest,
  });
}
