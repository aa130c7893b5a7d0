import type { IdentifiedManifest, OwnManifest } from "../../model/manifest.ts";
import type { ReleaseRecord } from "../../model/release-record.ts";
import type { SealedBuild } from "../build/seal.ts";
import type { StoredRecord } from "../records.ts";
import type { ReleaseStore } from "../store.ts";

/** Where a release goes: what the manifest will call `active`, and the file. */
export interface InstallTarget {
  readonly active: string;
  readonly basename: string;
  /** Absolute path of the release's DuckDB file; of its folder, where it has none. */
  readonly path: string;
}

/** What may be switched back to. */
export interface RollbackTarget extends InstallTarget {
  readonly stored: StoredRecord;
}

/** Which release a rollback goes to; neither given means the one that was active before. */
export interface RollbackRequest {
  readonly to?: string | undefined;
  /** How many switches to go back: 1 is the release that was active before. */
  readonly steps?: number | undefined;
  /** Ends the reading of what is gone back to. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * How releases lie on disk: the one thing in which `slots` and `releases` differ. Everything is called under the writer
 * lock, except `target`, which a plan asks as things stand now.
 */
export interface Layout {
  readonly kind: ReleaseStore["layout"];
  /** How `adopt` is told what is active where there is no manifest; for hints. */
  readonly adoptWords: string;
  /** Absolute path of the data file of the release that a manifest calls `active`. */
  dataFile(store: ReleaseStore, active: string, basename: string): string;
  /** Throws `SLOT_UNKNOWN` when data lies there that nothing speaks of. */
  assertNothingUnknown(store: ReleaseStore): Promise<void>;
  /** Where the next release goes, chosen from the manifest of this moment. */
  target(store: ReleaseStore, current: IdentifiedManifest | undefined, release: string): Promise<InstallTarget>;
  /**
   * Makes sure that no writer is inside the target, and keeps writers out until the returned function is called; moves a write-ahead log that lies
   * beside it out of the way. Throws `SLOT_BUSY`, or `SLOT_UNKNOWN` for something that is not a regular file.
   */
  clear(store: ReleaseStore, target: InstallTarget): Promise<() => Promise<void>>;
  /** Makes a checked build ready to be moved into place, before the writer lock is taken. */
  stage(store: ReleaseStore, build: SealedBuild): Promise<void>;
  /** Writes the release's record, durably, and returns how the manifest refers to it. */
  record(store: ReleaseStore, build: SealedBuild, record: Omit<ReleaseRecord, "formatVersion">): Promise<OwnManifest["record"]>;
  /** A file of the build as the record names it once it is in place. */
  reference(target: InstallTarget, name: string): string;
  /** Moves the build's data into place, durably. Readers see nothing of it before the switch. */
  install(store: ReleaseStore, build: SealedBuild, target: InstallTarget): Promise<void>;
  /** Throws `RELEASE_UNKNOWN`, naming what lies there instead. Held open until `release` is called. */
  rollbackTarget(
    store: ReleaseStore,
    current: OwnManifest,
    request: RollbackRequest,
  ): Promise<{ readonly target: RollbackTarget; readonly release: () => Promise<void> }>;
  /** Every release on disk, oldest first, with whether it stays and why. `own` is the manifest of this moment. */
  retain(store: ReleaseStore, own: OwnManifest): Promise<Retained[]>;
}

/** A release on disk and what retention makes of it. */
export interface Retained {
  readonly release: string;
  readonly keep: boolean;
  readonly reason: string;
  /** What is removed with it, beside its pin. Absolute paths. */
  readonly paths: readonly string[];
  /** Of its data. */
  readonly bytes: number;
}
