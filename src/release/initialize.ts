import { resolve } from "node:path";
import { isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { SwitchResult } from "../model/results.ts";
import { planPublish } from "./plan-publish.ts";
import { publish } from "./publish.ts";
import { planned } from "./rollback.ts";
import { lockAgainstWriters } from "./build/seal.ts";
import { hasSwitched, layoutOf, nextReleaseId, nextVersion, readState, storeNotEmpty, type StoreState } from "./state.ts";
import { namingErrors } from "./system-errors.ts";
import type { BuildSource, OperationOptions, ReleaseStore } from "./store.ts";

/**
 * Copies an existing database into an empty store as its first release and leaves the source where it is, so that deleting the manifest
 * really goes back to it. Throws `FILE_MISSING`, `STORE_NOT_EMPTY`, `FILE_LOCKED` for a source with a writer inside, `BUILD_UNFINISHED` for
 * one with a write-ahead log, and what `publish` throws.
 */
export async function initialize(store: ReleaseStore, sourceFile: string, options: OperationOptions = {}): Promise<SwitchResult> {
  return namingErrors(store, () => copyInto(store, resolve(sourceFile), options));
}

async function copyInto(store: ReleaseStore, path: string, options: OperationOptions): Promise<SwitchResult> {
  const state = await readState(store);
  await assertEmpty(store, state);
  await assertSource(store, path);
  const source: BuildSource = { kind: "copy", source: path };
  if (options.dryRun) return planCopy(store, source, state);
  const held = await holdSource(store, path);
  try {
    const result = await publish(store, source, { ...options, reason: "adopt", note: `copy of ${path}`, firstOnly: true });
    if (result.outcome === "switched" && result.release !== undefined && result.version !== undefined) {
      return { store: store.name, outcome: "switched", release: result.release, version: result.version, reason: "adopt" };
    }
  } finally {
    await held.release();
  }
  throw new LockkeeperError("DATABASE_CORRUPT", `${path} does not pass the checks of ${store.name}`, {
    hint: `The report lies in ${store.paths.quarantine}.`,
    subject: path,
  });
}

async function planCopy(store: ReleaseStore, source: BuildSource, state: StoreState): Promise<SwitchResult> {
  const plan = await planPublish(store, source, { state, options: {} });
  const to = { release: await nextReleaseId(store, state), version: nextVersion(state) };
  const { active } = await layoutOf(store).target(store, state.current, to.release);
  return planned(store, { store: store.name, to, active, reason: "adopt", steps: plan.steps });
}

async function assertEmpty(store: ReleaseStore, state: StoreState): Promise<void> {
  if (state.current || hasSwitched(state)) throw storeNotEmpty(store);
  try {
    // What an init that was cut off left in a slot is recorded and was never active.
    await layoutOf(store).assertNothingUnknown(store);
  } catch (error) {
    throw isLockkeeperError(error, "SLOT_UNKNOWN") ? storeNotEmpty(store) : error;
  }
}

async function assertSource(store: ReleaseStore, path: string): Promise<void> {
  const { files } = store.platform;
  const stat = await files.stat(path);
  if (stat?.kind !== "file") {
    const what = stat === undefined ? "does not exist" : `is not a regular file (${stat.kind})`;
    throw new LockkeeperError("FILE_MISSING", `${path} ${what}`, { hint: "Name the DuckDB file to copy.", subject: path });
  }
  if ((await files.stat(`${path}.wal`)) !== undefined) {
    throw new LockkeeperError(
      "BUILD_UNFINISHED",
      `${path} has a write-ahead log beside it, so a plain copy would lack its last rows`,
      {
        hint: "Open it once with DuckDB, run CHECKPOINT, close it, then try again.",
        subject: `${path}.wal`,
      },
    );
  }
  if (store.engine.isOpenHere(stat)) {
    throw new LockkeeperError("FILE_LOCKED", `this process itself has ${path} open`, {
      hint: "Close the reader first.",
      subject: path,
    });
  }
}

async function holdSource(store: ReleaseStore, path: string) {
  try {
    return await lockAgainstWriters(store, path);
  } catch (error) {
    if (!isLockkeeperError(error, "BUILD_UNFINISHED")) throw error;
    throw new LockkeeperError("FILE_LOCKED", `another process has ${path} open for writing`, {
      hint: "Let the ETL finish, or stop it, then try again.",
      subject: path,
    });
  }
}
