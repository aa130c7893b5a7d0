import { LockkeeperError, isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Lease } from "../../model/lease.ts";
import type { PublishResult } from "../../model/results.ts";
import { unstage } from "../artifacts/stage.ts";
import { basenameOf } from "../basename.ts";
import { assertBaseUnmoved, baseOf, type BuildBase } from "../build/base.ts";
import { messagesPath } from "../build/environment.ts";
import { finishBuild, tellPhase } from "../build/finish.ts";
import { readRunResults } from "../dbt/run-results.ts";
import { followMessages } from "../build/messages.ts";
import { Reported } from "../build/reported.ts";
import { reportEnded, reportUnswitched } from "../build/report.ts";
import type { BuildOutcome } from "../build/run.ts";
import { prepareFolders } from "../open.ts";
import { planPublish } from "../plan-publish.ts";
import { readPublishableState, type StoreState } from "../state.ts";
import type { OperationOptions, ReleaseStore } from "../store.ts";
import { namedError, namingErrors } from "../system-errors.ts";
import { warn } from "../warn.ts";
import { claimBuild, hasDetached, type ClaimedBuild } from "./claim.ts";
import { buildUnknown } from "./fate.ts";
import { momentNow } from "./lease-file.ts";
import { resumeCommit } from "./resume.ts";
import { sweepBuilds } from "./sweep.ts";

/** Why a build is committed, for the history. */
export interface CommitOptions extends OperationOptions {
  /** In the operator's words; kept in manifest and history. */
  readonly note?: string | undefined;
}

/**
 * Publishes a detached build: seals, checks, installs and switches as `publish` does, on top of whatever became active meanwhile. A refused build is in quarantine then. Whatever else goes wrong
 * leaves the build where it is, to be committed again; so does a crash, from which the next commit goes on. Throws `BUILD_UNKNOWN`, `BUILD_LOCKED`, `LEASE_INVALID`,
 * `BUILD_EMPTY`, `BUILD_UNFINISHED`, `BASE_MOVED`, and what `publish` throws.
 */
export async function commitBuild(store: ReleaseStore, id: string, options: CommitOptions = {}): Promise<PublishResult> {
  return namingErrors(store, async () => {
    if (options.dryRun) return planCommit(store, id);
    const build = await claimBuild(store, id, { ...options, purpose: "commit" });
    let isOut = false;
    try {
      await prepareFolders(store);
      const result = await commitClaimed(store, build, options);
      isOut = result.outcome === "switched";
      return result;
    } catch (thrown) {
      const error = namedError(store, thrown);
      await reportFault(store, { build, error, options });
      throw error;
    } finally {
      // Neither a release that is out nor the reason of a failure is hidden by what could not be cleaned.
      const end = isOut ? build.discard() : build.unlock();
      await end.catch((error: unknown) => warn(options, `build ${id} could not be removed`, error));
    }
  });
}

async function commitClaimed(store: ReleaseStore, build: ClaimedBuild, options: CommitOptions): Promise<PublishResult> {
  tellPhase(options, "begin");
  const lease = build.lease();
  await store.platform.failpoint("commit.claimed");
  await unstage(store, build.folder);
  await sweepBuilds(store, { ...options, attached: false });
  const done = await resumeCommit(store, build, options);
  if (done) return done;
  const state = await readPublishableState(store);
  await assertSameStem(store, lease, state);
  const base = await baseAtBegin(store, lease, state);
  assertBaseUnmoved(store, base, state.current);
  const outcome = await outcomeOf(store, { build, lease, options });
  const result = await finishBuild(store, { folder: build, outcome, base, lock: build.lock, stays: true, options });
  await store.platform.failpoint("commit.finished");
  return result;
}

async function planCommit(store: ReleaseStore, id: string): Promise<PublishResult> {
  if (!(await hasDetached(store, id))) throw await buildUnknown([store], id);
  const plan = await planPublish(store, { kind: "detached" }, { state: await readPublishableState(store), options: {} });
  return { store: store.name, outcome: "planned", build: id, checks: [], tables: [], plan };
}

/** The release that was active when the build began, with the identity of a copied one. */
async function baseAtBegin(store: ReleaseStore, { base, started }: Lease, state: StoreState): Promise<BuildBase | undefined> {
  if (!base) return undefined;
  const { release, version, identity } = base;
  const path = (await baseOf(store, state))?.path ?? "";
  if (!base.copied) return { release, version, path };
  const { current } = state;
  // Device numbers may change with a boot; the bytes of a manifest of ours, which has a random commit, do not come again.
  const isAnotherBoot = started.bootId !== store.platform.processes.self().bootId;
  const isUnmoved = isAnotherBoot && current !== undefined && digestIn(identity) === digestIn(current.identity);
  return { release, version, path, copied: isUnmoved ? current.identity : identity };
}

/** The sha256 of its bytes, with which an identity ends. */
function digestIn(identity: string): string | undefined {
  return identity.split(":").at(-1);
}

/** What the build has said by now, and how long it took: by the uptime, or where the machine was started anew by the clock, as well as it may tell. */
async function outcomeOf(
  store: ReleaseStore,
  { build, lease, options }: { readonly build: ClaimedBuild; readonly lease: Lease; readonly options: CommitOptions },
): Promise<BuildOutcome> {
  const reported = new Reported(options);
  const endOfMessages = followMessages(store.platform, messagesPath(build.folder), reported);
  await endOfMessages();
  const { started } = lease;
  const now = momentNow(store);
  const elapsedMs = now.bootId === started.bootId ? now.uptimeMs - started.uptimeMs : Date.parse(now.at) - Date.parse(started.at);
  const durationMs = Math.max(0, Math.round(elapsedMs));
  return {
    builder: { kind: "detached", durationMs },
    output: Buffer.alloc(0),
    checks: reported.results(),
    watermarks: reported.watermarks(),
    results: await readRunResults(store, build.folder),
    refused: false,
  };
}

/** The engine has written the old name into views, and readers would attach the file under the new one. */
async function assertSameStem(store: ReleaseStore, lease: Lease, state: StoreState): Promise<void> {
  const basename = await basenameOf(store, state.current);
  if (lease.basename === basename) return;
  throw new LockkeeperError(
    "CONFIG_INVALID",
    `build ${lease.build} was begun with basename ${lease.basename}; ${store.name} now has ${basename}`,
    { hint: "Set `basename` back, or abort the build and begin another.", subject: "basename" },
  );
}

/**
 * A build that is itself at fault is told to the history; what merely stood in its way is not. One whose base has moved can never be committed: it goes to quarantine, as that of a
 * publish does.
 */
async function reportFault(
  store: ReleaseStore,
  { build, error, options }: { readonly build: ClaimedBuild; readonly error: unknown; readonly options: CommitOptions },
): Promise<void> {
  if (isLockkeeperError(error, "BASE_MOVED")) {
    await reportUnswitched({ store, folder: build, options }, { error, checks: [], output: Buffer.alloc(0) });
  }
  if (!isLockkeeperError(error, "BUILD_EMPTY", "BUILD_UNFINISHED", "DATABASE_CORRUPT", "STORAGE_UNSUPPORTED")) return;
  await reportEnded({ store, folder: build, options }, error.message);
}
