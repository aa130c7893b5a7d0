import { throwIfInterrupted } from "../errors/interrupted.ts";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { PublishResult } from "../model/results.ts";
import type { HeldLock } from "../platform/lock.ts";
import { basenameOf } from "./basename.ts";
import { baseOf, copyActive } from "./build/base.ts";
import { finishBuild, tellPhase } from "./build/finish.ts";
import { makeBuildFolder } from "./build/folder.ts";
import { sweepBuilds } from "./detached/sweep.ts";
import { prepareFolders } from "./open.ts";
import { assertSpace, planPublish } from "./plan-publish.ts";
import { reportFailure } from "./build/report.ts";
import { runBuild } from "./build/run.ts";
import { makeRoom } from "./space.ts";
import { readPublishableState, storeNotEmpty } from "./state.ts";
import type { BuildSource, PublishOptions, ReleaseStore } from "./store.ts";
import { namedError, namingErrors } from "./system-errors.ts";
import { warn } from "./warn.ts";
import { takeBuildLock } from "./writer-lock.ts";

/**
 * Builds a release in a private folder, seals and checks it, and switches readers to it. A build that fails throws (`BUILD_FAILED`, …) and one that a
 * check refuses resolves with outcome `refused`; in both cases nothing changed for any reader. Throws `BUILD_LOCKED`, `WRITER_LOCKED`,
 * `FOREIGN_MANIFEST`, `MANIFEST_GONE`, `SLOT_BUSY`, `DISK_FULL`, `INTERRUPTED`, and with `base` `NO_RELEASE` and `BASE_MOVED`.
 */
export async function publish(store: ReleaseStore, source: BuildSource, options: PublishOptions = {}): Promise<PublishResult> {
  if (source.kind === "folder" && options.base) {
    throw new LockkeeperError(
      "USAGE",
      "a release that is copied from a folder begins with nothing; --base active was given, too",
      {
        hint: "Leave one of the two out.",
        subject: "base",
      },
    );
  }
  return namingErrors(store, async () => {
    if (options.dryRun) {
      const plan = await planPublish(store, source, { state: await readPublishableState(store), options });
      return { store: store.name, outcome: "planned", checks: [], tables: [], plan };
    }
    await prepareFolders(store);
    const lock = await takeBuildLock(store, options);
    try {
      return await publishUnderBuildLock(store, source, { lock, options });
    } finally {
      await lock.release();
    }
  });
}

async function publishUnderBuildLock(
  store: ReleaseStore,
  source: BuildSource,
  { lock, options }: { readonly lock: HeldLock; readonly options: PublishOptions },
): Promise<PublishResult> {
  tellPhase(options, "begin");
  if (lock.lastHolderDied) {
    options.onProgress?.({ kind: "cleaned", detail: `the last publisher, process ${lock.lastHolderDied.pid}, died` });
  }
  await sweepBuilds(store, { ...options, attached: true });
  const state = await readPublishableState(store);
  if (options.firstOnly && state.current) throw storeNotEmpty(store);
  assertSpace(store, await planPublish(store, source, { state, options }));
  await makeRoom(store, options);
  const folder = await makeBuildFolder(store, await basenameOf(store, state.current));
  try {
    throwIfInterrupted(options.signal, "the build");
    await store.platform.failpoint("build.begun");
    const base = options.base ? await copyActive(store, folder, options) : await baseOf(store, state);
    tellPhase(options, "build", folder.path);
    const outcome = await runBuild(store, source, { folder, base, lock, options });
    return await finishBuild(store, { folder, outcome, base, lock, stays: false, options });
  } catch (error) {
    throw await reportFailure({ store, folder, options }, namedError(store, error));
  } finally {
    // Neither a release that is out nor the reason of a failure is hidden by what could not be cleaned.
    await folder.discard().catch((error: unknown) => warn(options, `build ${folder.id} could not be removed`, error));
  }
}
