import { join } from "node:path";
import { releaseNumber } from "../model/names.ts";
import type { LocksResult } from "../model/results.ts";
import { holderOf, readLockNote } from "../platform/lock.ts";
import type { ListedLock, LockingProcess } from "../platform/port.ts";
import type { ReleaseStore } from "./store.ts";
import { leaseStatus } from "./detached/list.ts";
import { namingErrors } from "./system-errors.ts";

type LockState = LocksResult["locks"][number];
type PinState = LocksResult["pins"][number];

/** Where a lock or a pin lies, and what it is called. */
interface Place {
  readonly store: ReleaseStore;
  readonly path: string;
}

interface LockPlace extends Place {
  readonly lock: LockState["lock"];
  readonly build?: string;
  readonly lease?: LockState["lease"];
}

interface PinPlace extends Place {
  readonly release: string;
}

/** Locks by path; `undefined` where the system does not list them. */
type Listed = ReadonlyMap<string, readonly ListedLock[]> | undefined;

/**
 * The locks and pins of stores, and who holds them. Looks at names, notes and the kernel's list; takes no lock, for one that is held for a moment would turn
 * a publisher or a reader away, and makes no file. Throws `PERMISSION_DENIED` for a folder that cannot be listed.
 */
export async function storeLocks(stores: readonly ReleaseStore[]): Promise<LocksResult> {
  const locks: LockPlace[] = [];
  const pins: PinPlace[] = [];
  for (const store of stores) {
    await namingErrors(store, async () => {
      locks.push(...(await lockPlaces(store)));
      pins.push(...(await pinPlaces(store)));
    });
  }
  const [first] = stores;
  if (!first) return { locks: [], pins: [] };
  const paths = [...locks, ...pins].map(({ path }) => path);
  const listed = await namingErrors(first, () => first.platform.locks.holders(paths));
  return {
    locks: await Promise.all(locks.map((place) => namingErrors(place.store, async () => lockState(place, listed)))),
    pins: pins.map((place) => pinState(place, listed)),
  };
}

/**
 * How many processes read each release that has a pin, by release; a lock whose process cannot be seen counts as one. `undefined` where the system does
 * not list locks. Takes none.
 */
export async function pinReaders(store: ReleaseStore): Promise<ReadonlyMap<string, number> | undefined> {
  const places = await pinPlaces(store);
  const listed = await store.platform.locks.holders(places.map(({ path }) => path));
  return listed && new Map(places.map((place) => [place.release, pinState(place, listed).readers ?? 0]));
}

async function lockPlaces(store: ReleaseStore): Promise<LockPlace[]> {
  const { paths, platform } = store;
  const folders = await platform.files.list(paths.builds);
  return [
    { store, lock: "writer", path: paths.writerLock },
    { store, lock: "build", path: paths.buildLock },
    ...(await Promise.all(folders.map((build) => folderPlace(store, build)))),
  ];
}

/** A detached build's folder is held only while a command works on it; what keeps it is its lease. */
async function folderPlace(store: ReleaseStore, build: string): Promise<LockPlace> {
  const place = { store, lock: "folder" as const, build, path: join(store.paths.build(build), "lock") };
  const lease = await leaseStatus(store, build);
  return lease ? { ...place, lease } : place;
}

async function pinPlaces(store: ReleaseStore): Promise<PinPlace[]> {
  const names = await store.platform.files.list(store.paths.pins);
  const releases = names.flatMap((name) => (name.endsWith(".pin") ? [name.slice(0, -".pin".length)] : []));
  return releases
    .filter((release) => releaseNumber(release) !== undefined)
    .map((release) => ({ store, release, path: store.paths.pin(release) }));
}

function lockState({ store, lock, build, lease, path }: LockPlace, listed: Listed): LockState {
  const holders = listed?.get(path) ?? [];
  // The folder of a publish has none.
  const note = readLockNote(store.platform, path);
  const noted = holderOf(note);
  const held = listed === undefined ? null : holders.length > 0;
  const name = { store: store.name, lock, ...(build !== undefined && { build }), ...(lease && { lease }), held };
  const purpose = note?.purpose === undefined ? {} : { purpose: note.purpose };
  const processes = processesOf(holders);
  if (held !== true) {
    const died = held === false && noted !== undefined;
    return { ...name, ...(noted && { ...noted, ...purpose }), ...(died && { lastHolderDied: true }), processes };
  }
  // The note of a publisher that was killed stays while its command, which inherited the lock, runs on: then the kernel knows better.
  const [first] = processes;
  const noteHolds = processes.some(({ pid }) => pid === noted?.pid) || holders.some((holder) => holder.process === undefined);
  if (noted && (noteHolds || !first)) return { ...name, ...noted, ...purpose, processes };
  return { ...name, ...(first && { ...first, host: store.platform.processes.self().host }), processes };
}

function pinState({ store, release, path }: PinPlace, listed: Listed): PinState {
  // An exclusive lock on a pin is prune's.
  const readers = (listed?.get(path) ?? []).filter(({ mode }) => mode === "shared");
  const processes = processesOf(readers);
  const hidden = readers.filter((reader) => reader.process === undefined).length;
  return { store: store.name, release, readers: listed === undefined ? null : processes.length + hidden, processes };
}

/** Each process once: it may hold a lock through several descriptors. */
function processesOf(locks: readonly ListedLock[]): LockingProcess[] {
  const byPid = new Map(locks.flatMap((lock) => (lock.process ? [[lock.process.pid, lock.process] as const] : [])));
  return [...byPid.values()].toSorted((left, right) => left.pid - right.pid);
}
