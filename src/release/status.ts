import { join } from "node:path";
import { firstLine } from "../errors/lockkeeper-error.ts";
import { layoutOfActive } from "../model/layout.ts";
import { releaseOf, type OwnManifest } from "../model/manifest.ts";
import { activeOf } from "../model/release-record.ts";
import type { BuildSummary, StoreStatus } from "../model/results.ts";
import { holderOf, isLockHeld, readLockNote } from "../platform/lock.ts";
import { basenameOf } from "./basename.ts";
import { listBuilds } from "./detached/list.ts";
import { lookAtManifest } from "./manifest-file.ts";
import { recordOf } from "./records.ts";
import { hasSwitched, layoutOf, readStateOrProblem, type StoreState } from "./state.ts";
import type { ReleaseStore } from "./store.ts";

type LockStatus = NonNullable<StoreStatus["lock"]>;

/**
 * What is active, whether its file is there and as large as recorded, and who holds a lock: cheap, opens no database, takes no lock. Never throws for a
 * broken store; it says so.
 */
export async function storeStatus(store: ReleaseStore): Promise<StoreStatus> {
  const { state, problem } = await readStateOrProblem(store);
  const manifest = state.current?.manifest;
  // What keeps the locks from being looked at (a folder of another user) is in the problem already.
  const lock = problem === undefined ? await eitherLock(store) : await eitherLock(store).catch(() => undefined);
  const damage = await settledDamage(store, state);
  const builds = await detachedBuilds(store).catch(() => []);
  const concerns = [
    ...(damage === undefined ? [] : [damage]),
    ...manifestConcerns(store, state, problem),
    ...lockConcerns(lock),
    ...buildConcerns(builds),
  ];
  const previous = manifest?.own?.previous;
  return {
    store: store.name,
    kind: "release",
    status: manifest && damage === undefined ? worstOf(concerns) : "fail",
    ...(manifest && { release: releaseOf(manifest), version: manifest.version, active: manifest.active }),
    ...(manifest?.lastUpdated !== undefined && { lastUpdated: manifest.lastUpdated }),
    ...(previous && { previous: { release: previous.release, version: previous.version } }),
    ...(lock && { lock }),
    ...(builds.length > 0 && {
      builds: builds.map(({ build, state: is, expiresAt }) => ({
        build,
        state: is,
        ...(expiresAt !== undefined && { expiresAt }),
      })),
    }),
    detail: concerns,
  };
}

async function detachedBuilds(store: ReleaseStore): Promise<BuildSummary[]> {
  const { builds } = await listBuilds([store]);
  return builds.filter(({ state }) => state !== "attached" && state !== "left");
}

function buildConcerns(builds: readonly BuildSummary[]): string[] {
  const damaged = builds.filter(({ state }) => state === "damaged");
  return damaged.map(({ build, detail }) => `${detail}; \`lockkeeper build abort ${build}\` removes the build`);
}

function worstOf(concerns: readonly string[]): StoreStatus["status"] {
  return concerns.length > 0 ? "warn" : "pass";
}

/** Two publishes later the slot holds another release and the record is gone: what was seen counts only while the manifest is the one that led to it. */
async function settledDamage(store: ReleaseStore, state: StoreState): Promise<string | undefined> {
  const damage = await dataDamage(store, state).catch((error: unknown) => firstLine(error));
  if (damage === undefined) return undefined;
  const now = await lookAtManifest(store).catch(() => undefined);
  return now?.identity === state.current?.identity ? damage : undefined;
}

/** Why no reader could open the active release, as far as a look at names and sizes tells; `check` compares every byte. */
async function dataDamage(store: ReleaseStore, { current }: StoreState): Promise<string | undefined> {
  if (!current) return undefined;
  const { own, active } = current.manifest;
  if (own && layoutOfActive(active) === "releases") return recordedDamage(store, own);
  const basename = own?.basename ?? (await basenameOf(store, current));
  const path = layoutOf(store).dataFile(store, active, basename);
  const stat = await store.platform.files.stat(path);
  if (stat === undefined) return `${path} is active and does not exist`;
  if (!own || stat.kind === "symlink") return undefined;
  if (stat.kind !== "file") return `${path} is active and not a regular file`;
  const { record } = recordOf(store, own);
  const listed =
    record.release === own.release ? record.files.find((file) => join(store.paths.folder, file.path) === path) : undefined;
  if (!listed) return `${join(store.paths.folder, own.record.path)} is not the record of ${own.release} in ${path}`;
  return stat.bytes === listed.bytes
    ? undefined
    : `${path} has ${stat.bytes} bytes; the record of ${own.release} says ${listed.bytes}`;
}

/** A release folder is what its record says, whatever it holds. */
async function recordedDamage(store: ReleaseStore, own: OwnManifest): Promise<string | undefined> {
  const { record } = recordOf(store, own);
  if (activeOf(record) !== own.active) return `${join(store.paths.folder, own.record.path)} is not the record of ${own.release}`;
  for (const { path: relative, bytes } of record.files) {
    const path = join(store.paths.folder, ...relative.split("/"));
    const stat = await store.platform.files.stat(path);
    if (stat === undefined) return `${path} is active and does not exist`;
    if (stat.kind !== "file" && stat.kind !== "symlink") return `${path} is active and not a regular file`;
    if (stat.kind === "file" && stat.bytes !== bytes)
      return `${path} has ${stat.bytes} bytes; the record of ${own.release} says ${bytes}`;
  }
  return undefined;
}

function manifestConcerns(store: ReleaseStore, state: StoreState, problem: string | undefined): string[] {
  if (problem !== undefined) return [problem];
  if (!state.current) {
    return [hasSwitched(state) ? `${store.paths.manifest} was deleted; readers are on their fallback` : "no release yet"];
  }
  if (state.current.manifest.own) return [];
  return [`another program publishes here; \`lockkeeper adopt ${store.name}\` takes the store under care`];
}

function lockConcerns(lock: LockStatus | undefined): string[] {
  if (!lock || lock.held) return [];
  return [`the last holder of the ${lock.lock} lock, process ${lock.pid}, died; the next command cleans up`];
}

async function eitherLock(store: ReleaseStore): Promise<LockStatus | undefined> {
  return (await lockStatus(store, "build")) ?? (await lockStatus(store, "writer"));
}

/** A held lock, or a free one whose note was never closed. A program that is not ours holds it without a note. */
async function lockStatus(store: ReleaseStore, lock: "writer" | "build"): Promise<LockStatus | undefined> {
  const path = lock === "writer" ? store.paths.writerLock : store.paths.buildLock;
  const held = await isLockHeld(store.platform, path);
  const note = readLockNote(store.platform, path);
  const holder = holderOf(note);
  if (!holder) return held ? { lock, held } : undefined;
  return { lock, held, ...holder, ...(note?.purpose !== undefined && { purpose: note.purpose }) };
}
