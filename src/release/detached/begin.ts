import { dirname, join } from "node:path";
import { throwIfInterrupted } from "../../errors/interrupted.ts";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { isDatabaseOnly } from "../../model/artifact.ts";
import { leaseMsDefault, leaseMsMax, leaseMsMin, type Lease } from "../../model/lease.ts";
import { mayHoldParquet } from "../../model/parquet-folder.ts";
import type { BuildResult } from "../../model/results.ts";
import { formatDuration } from "../../model/units.ts";
import { syncFile } from "../../platform/files.ts";
import { listTree } from "../../platform/tree.ts";
import { basenameOf } from "../basename.ts";
import { baseOf, copyActive, type BuildBase } from "../build/base.ts";
import { buildEnvironment } from "../build/environment.ts";
import { makeBuildFolder, type BuildFolder } from "../build/folder.ts";
import { prepareFolders } from "../open.ts";
import { assertSpace, planPublish } from "../plan-publish.ts";
import { makeRoom } from "../space.ts";
import { readPublishableState, type StoreState } from "../state.ts";
import type { OperationOptions, ReleaseStore } from "../store.ts";
import { namingErrors } from "../system-errors.ts";
import { momentNow, writeLease } from "./lease-file.ts";
import { resultOf } from "./result.ts";
import { sweepBuilds } from "./sweep.ts";

/** How a detached build is begun. */
export interface BeginOptions extends Pick<OperationOptions, "signal" | "onProgress"> {
  /** Begins with a copy of the active release; the commit is refused (`BASE_MOVED`) where another one is active by then. */
  readonly base?: "active" | undefined;
  /** How long the lease lasts without a sign of life: 1 s to 366 days, in milliseconds. Default 24 h. */
  readonly leaseMs?: number | undefined;
  /** Who builds, in the orchestrator's words: the name of a run. 200 characters at most. */
  readonly label?: string | undefined;
}

/** Characters of a label. */
const labelMax = 200;

/**
 * Makes the private folder of a build that other processes write and that `commitBuild` publishes, maybe hours later. Holds no lock when it returns: any number may be
 * open at once, beside a publish. Throws `USAGE`, `FOREIGN_MANIFEST`, `MANIFEST_GONE`, `SLOT_UNKNOWN`, `DISK_FULL`, `INTERRUPTED`, what `makeRoom` throws, and with `base` what
 * `copyActive` throws.
 */
export async function beginBuild(store: ReleaseStore, options: BeginOptions = {}): Promise<BuildResult> {
  assertLeaseMs(options.leaseMs);
  assertLabel(options.label);
  return namingErrors(store, async () => {
    await readPublishableState(store);
    await prepareFolders(store);
    await sweepBuilds(store, { ...options, attached: false });
    const state = await readPublishableState(store);
    assertSpace(store, await planPublish(store, { kind: "detached" }, { state, options }));
    await makeRoom(store, options);
    const folder = await makeBuildFolder(store, await basenameOf(store, state.current));
    try {
      await store.platform.failpoint("begin.made");
      throwIfInterrupted(options.signal, "the build");
      const active = options.base ? await copyActive(store, folder, options) : await baseOf(store, state);
      if (options.base) await makeCopyDurable(store, folder);
      const base = active && leaseBase(active, state);
      const lease = await writeLease(store, newLease(store, folder, { base, options }));
      await store.platform.failpoint("begin.leased");
      await folder.unlock();
      const variables = buildEnvironment(store, { folder, base: active });
      return resultOf(store, { folder, lease, remainingMs: lease.leaseMs, variables });
    } catch (error) {
      await folder.discard().catch(() => undefined);
      throw error;
    }
  });
}

/** Where there is a lease there is the whole copy: who comes after a power cut goes on with both. */
async function makeCopyDurable(store: ReleaseStore, { folder, path }: BuildFolder): Promise<void> {
  const entries = isDatabaseOnly(store.artifacts) ? [] : await listTree(store.platform, folder, mayHoldParquet);
  const paths = new Set([path, ...entries.map((entry) => join(folder, ...entry.path.split("/")))]);
  const folders = new Set<string>();
  for (const each of paths) {
    if ((await store.platform.files.stat(each))?.kind !== "file") continue;
    await syncFile(store.platform, each);
    for (let above = dirname(each); above !== dirname(folder); above = dirname(above)) folders.add(above);
  }
  for (const each of [...folders].toSorted((left, right) => right.length - left.length))
    await store.platform.files.syncFolder(each);
}

/** What is kept of the active release; of a copy the identity that it was made of. */
function leaseBase({ release, version, copied }: BuildBase, { current }: StoreState): Lease["base"] {
  return { release, version, identity: copied ?? current?.identity ?? "", copied: copied !== undefined };
}

function newLease(
  store: ReleaseStore,
  folder: BuildFolder,
  { base, options }: { readonly base: Lease["base"]; readonly options: BeginOptions },
): Omit<Lease, "formatVersion" | "renewed" | "expiresAt"> {
  const { pid, host, command } = store.platform.processes.self();
  const { label, leaseMs = leaseMsDefault } = options;
  return {
    build: folder.id,
    store: store.name,
    basename: folder.basename,
    owner: { pid, host, command, ...(label !== undefined && { label }) },
    started: momentNow(store),
    ...(base && { base }),
    leaseMs,
  };
}

/** Throws `USAGE` for a lease that is too short or too long. */
export function assertLeaseMs(leaseMs: number | undefined): void {
  if (leaseMs === undefined || (Number.isSafeInteger(leaseMs) && leaseMs >= leaseMsMin && leaseMs <= leaseMsMax)) return;
  throw new LockkeeperError(
    "USAGE",
    `a lease of ${leaseMs} ms cannot be; it lasts ${formatDuration(leaseMsMin)} to ${formatDuration(leaseMsMax)}`,
    { hint: "Give it longer than the longest pause between two signs of life of the build, such as 24h.", subject: "lease" },
  );
}

function assertLabel(label: string | undefined): void {
  if (label === undefined || (label.trim() !== "" && label.length <= labelMax)) return;
  throw new LockkeeperError("USAGE", `the label of a build has ${label.length} characters; it needs 1 to ${labelMax}`, {
    hint: "Name the run that builds.",
    subject: "label",
  });
}
