import { join } from "node:path";
import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import { isDatabaseOnly, isOwnName } from "../../model/artifact.ts";
import type { Lease } from "../../model/lease.ts";
import { buildIdPattern } from "../../model/names.ts";
import { mayHoldParquet } from "../../model/parquet-folder.ts";
import type { BuildsResult, BuildSummary, LocksResult } from "../../model/results.ts";
import { isLockHeld } from "../../platform/lock.ts";
import { listTree } from "../../platform/tree.ts";
import type { ReleaseStore } from "../store.ts";
import { namingErrors } from "../system-errors.ts";
import { expiresAt, readLease, verdictOf } from "./lease-file.ts";

/**
 * The builds of some stores that are no releases yet, by store and beginning: detached ones with their leases, and those of a publish. Changes nothing, so a lease whose builder has written
 * messages counts as renewed without being written. Throws `PERMISSION_DENIED`.
 */
export async function listBuilds(stores: readonly ReleaseStore[]): Promise<BuildsResult> {
  const builds: BuildSummary[] = [];
  for (const store of stores) {
    const found: BuildSummary[] = [];
    await namingErrors(store, async () => {
      for (const id of await store.platform.files.list(store.paths.builds)) {
        const summary = await summaryOf(store, id);
        if (summary) found.push(summary);
      }
    });
    builds.push(...found.toSorted((left, right) => (left.startedAt < right.startedAt ? -1 : 1)));
  }
  return { builds };
}

/** What a detached build's lease says, for `locks`; `undefined` for a build that has none. */
export async function leaseStatus(store: ReleaseStore, id: string): Promise<LocksResult["locks"][number]["lease"]> {
  if (!buildIdPattern.test(id)) return undefined;
  const lease = leaseOrFault(store, id);
  if (typeof lease === "string") return { state: "damaged" };
  if (!lease) return undefined;
  const { state, remainingMs } = await verdictOf(store, lease);
  return { state, expiresAt: state === "open" ? expiresAt(store, remainingMs) : lease.expiresAt };
}

/** A lease, nothing, or what is wrong with it. */
function leaseOrFault(store: ReleaseStore, id: string): Lease | string | undefined {
  try {
    return readLease(store, id);
  } catch (error) {
    if (!isLockkeeperError(error, "LEASE_INVALID", "FORMAT_UNSUPPORTED")) throw error;
    return error.message;
  }
}

/** One build; `undefined` for what is none, or went away meanwhile. */
export async function summaryOf(store: ReleaseStore, id: string): Promise<BuildSummary | undefined> {
  if (!buildIdPattern.test(id)) return undefined;
  const { files } = store.platform;
  const folder = await files.stat(store.paths.build(id));
  if (folder?.kind !== "folder") return undefined;
  const lockPath = join(store.paths.build(id), "lock");
  const held = await isLockHeld(store.platform, lockPath);
  const lock = await files.stat(lockPath);
  // The lock of an attached build is made with its folder and has no note that would change it.
  const made = new Date(Number((lock ?? folder).modifiedNs / 1_000_000n)).toISOString();
  const name = { build: id, store: store.name };
  const lease = leaseOrFault(store, id);
  if (typeof lease === "string") {
    return { ...name, state: held ? "busy" : "damaged", startedAt: made, bytes: await bytesOf(store, id), detail: lease };
  }
  if (!lease) return { ...name, state: held ? "attached" : "left", startedAt: made, bytes: await bytesOf(store, id) };
  const { state, remainingMs } = await verdictOf(store, lease);
  const bytes = await bytesOf(store, id, `${lease.basename}.duckdb`);
  const { base, owner, started } = lease;
  return {
    ...name,
    state: held ? "busy" : state,
    startedAt: started.at,
    expiresAt: state === "open" ? expiresAt(store, remainingMs) : lease.expiresAt,
    ...(base && { base: { release: base.release, version: base.version } }),
    owner,
    bytes,
  };
}

/** Of a build's data so far; of a DuckDB file alone, whose name a lease may tell. */
async function bytesOf(store: ReleaseStore, id: string, stem?: string): Promise<number> {
  const { files } = store.platform;
  const folder = store.paths.build(id);
  if (!isDatabaseOnly(store.artifacts)) {
    const entries = await listTree(store.platform, folder, mayHoldParquet);
    return entries.filter(({ path }) => !isOwnName(path)).reduce((sum, { stat }) => sum + stat.bytes, 0);
  }
  const name = stem ?? (await files.list(folder)).find((candidate) => candidate.endsWith(".duckdb"));
  const stat = name === undefined ? undefined : await files.stat(join(folder, name));
  return stat?.kind === "file" ? stat.bytes : 0;
}
