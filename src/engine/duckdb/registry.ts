import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { FileStat, OpenFile, Platform } from "../../platform/port.ts";
import { lockedHere } from "./lock-error.ts";
import { fileStat } from "./file-stat.ts";

/**
 * DuckDB's lock on a file is a POSIX lock: any close of the file in this process drops it for the whole process (FACTS 1.3).
 * So nothing on an inode is closed, no instance and no descriptor of ours, until nothing in this process uses that inode;
 * and this registry is the only closer. Two copies of the package in one process share it.
 */
interface InodeUse {
  /** Leases out, and opens under way. */
  users: number;
  /** Whether the one user may write. */
  exclusive: boolean;
  /** Open instances by what they were opened with and the file that lay there, used or idle. */
  readonly shared: Map<string, Promise<Held>>;
  /** Everything to close once nobody uses the inode. */
  readonly held: Set<Held>;
  /** Closes of our own descriptors, put off. */
  readonly deferred: (() => Promise<void>)[];
  /** Such closes under way; an open waits for them. */
  closing: Promise<void> | undefined;
}

interface Held {
  readonly instance: Closable;
  /** The inodes it may be on: one, or two when the path was renamed over while it was opened. */
  readonly keys: readonly string[];
  /** Whether it is on the file that was looked at before. */
  readonly certain: boolean;
}

/** All that the registry needs of an engine's instance. Closing is synchronous, so that no open can come in between. */
export interface Closable {
  closeSync(): void;
}

/** A right to use an open instance. */
export interface Lease<Instance extends Closable> {
  readonly instance: Instance;
  readonly file: { readonly device: bigint; readonly inode: bigint };
  /** Ends this use; the instance closes when nothing uses its inode any more. Safe to call twice. */
  release(): void;
  /** No later open gets this instance: the engine has declared it unusable. */
  retire(): void;
}

/** How `lease` opens a file. */
export interface LeaseRequest<Instance extends Closable> {
  readonly path: string;
  /** Opens of one inode with equal keys share one instance. */
  readonly shareKey: string;
  /** Opens for writing: refused while anything in this process is open on the inode, and nothing else opens meanwhile. */
  readonly exclusive?: boolean;
  /** Opens the file; when it fails it leaves nothing open. */
  readonly make: () => Promise<Instance>;
}

/** A foreign program that renames over a path does so once in a while, not five times within a few milliseconds. */
const attemptsMax = 5;

/** Stands for the inode of a path that was removed while it was opened. */
const goneKey = "";

const shared = Symbol.for("lockkeeper.duckdb.registry.1");
const inodes: Map<string, InodeUse> = ((globalThis as { [shared]?: Map<string, InodeUse> })[shared] ??= new Map());

/**
 * Opens a database file, or shares an instance that is open on its inode with the same `shareKey`. The path is looked at before and
 * after, so that the lease names the inode that was opened. Throws `FILE_MISSING`, `FILE_LOCKED` and what `make` throws.
 */
export async function lease<Instance extends Closable>(
  platform: Platform,
  request: LeaseRequest<Instance>,
): Promise<Lease<Instance>> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const stat = await existing(platform, request.path);
    const key = keyOf(stat);
    const use = await enter(platform, key, request);
    const shareKey = `${versionOf(stat)} ${request.shareKey}`;
    const opened = use.shared.get(shareKey) ?? open(platform, { use, stat, shareKey }, request);
    let held: Held;
    try {
      held = await opened;
    } catch (error) {
      leave(key);
      throw error;
    }
    if (held.certain) {
      const retire = () => void (use.shared.get(shareKey) === opened && use.shared.delete(shareKey));
      return {
        instance: held.instance as Instance,
        file: { device: stat.device, inode: stat.inode },
        release: once(() => leave(key)),
        retire,
      };
    }
    leave(key);
  }
  throw new LockkeeperError("FILE_LOCKED", `${request.path} was replaced again and again while it was opened`, {
    hint: "Find the program that keeps replacing the file.",
    subject: request.path,
  });
}

/** Whether this process has an instance open on the inode, or is opening one. */
export function isOpenHere(stat: Pick<FileStat, "device" | "inode">): boolean {
  const use = inodes.get(keyOf(stat));
  return use !== undefined && (use.users > 0 || use.held.size > 0);
}

/**
 * Gives up the lock of one of our descriptors on a database file at once, and closes the descriptor: now, or when the
 * last instance on its inode has closed. Resolves without waiting for that.
 */
export async function closeWhenUnused(platform: Platform, file: OpenFile): Promise<void> {
  platform.locks.unlock(file);
  const key = keyOf(await file.stat());
  const use = inodes.get(key) ?? newUse(key);
  use.deferred.push(() => file.close());
  sweep(key);
  // Whoever opens the inode meanwhile waits for the close, so a failure of it must not go unseen here.
  if (use.users === 0) await use.closing;
}

async function existing(platform: Platform, path: string): Promise<FileStat> {
  const stat = await fileStat(platform, path);
  if (stat) return stat;
  throw new LockkeeperError("FILE_MISSING", `${path} does not exist`, {
    hint: "Check the path.",
    subject: path,
  });
}

/** Counts this open as a user from its first step on: a close of another user must not take its lock away. */
async function enter<Instance extends Closable>(
  platform: Platform,
  key: string,
  request: LeaseRequest<Instance>,
): Promise<InodeUse> {
  for (let closing = inodes.get(key)?.closing; closing; closing = inodes.get(key)?.closing) await closing.catch(() => undefined);
  const use = inodes.get(key) ?? newUse(key);
  if (use.exclusive || (request.exclusive && (use.users > 0 || use.held.size > 0))) {
    throw lockedHere(request.path, platform.processes.self().command);
  }
  use.exclusive = request.exclusive ?? false;
  use.users += 1;
  return use;
}

function open<Instance extends Closable>(
  platform: Platform,
  { use, stat, shareKey }: { readonly use: InodeUse; readonly stat: FileStat; readonly shareKey: string },
  request: LeaseRequest<Instance>,
): Promise<Held> {
  const key = keyOf(stat);
  const opening = (async () => {
    const instance = await request.make();
    // Not in `use.held` yet, but `use.users` counts this open, so nothing of the inode closes under it.
    const after = await fileStat(platform, request.path).catch(() => undefined);
    const other = after ? keyOf(after) : goneKey;
    // Inode numbers are used again: the path may have been renamed over twice, and the instance be on the file between. Whoever writes changes the file itself.
    const unchanged = request.exclusive === true || (after !== undefined && versionOf(after) === versionOf(stat));
    const certain = other === key && unchanged;
    const held: Held = { instance, keys: other === key ? [key] : [key, other], certain };
    if (!certain) use.shared.delete(shareKey);
    for (const each of held.keys) if (each !== goneKey) (inodes.get(each) ?? newUse(each)).held.add(held);
    return held;
  })();
  use.shared.set(shareKey, opening);
  opening.catch(() => use.shared.delete(shareKey));
  return opening;
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

function leave(key: string): void {
  const use = inodes.get(key);
  if (!use) return;
  use.users -= 1;
  if (use.users > 0) return;
  use.exclusive = false;
  sweep(key);
}

/** Closes what is left on an inode that nobody uses; an instance that may be on a second inode waits for that one too. */
function sweep(key: string): void {
  const use = inodes.get(key);
  if (!use || use.users > 0 || use.closing) return;
  use.shared.clear();
  for (const held of use.held) {
    if (held.keys.some((other) => (inodes.get(other)?.users ?? 0) > 0)) continue;
    for (const other of held.keys) {
      inodes.get(other)?.held.delete(held);
      if (other !== key) forgetUnused(other);
    }
    held.instance.closeSync();
  }
  const closes = use.deferred.splice(0);
  if (closes.length === 0) return forgetUnused(key);
  use.closing = Promise.all(closes.map((close) => close())).then(
    () => closed(key, use),
    (error: unknown) => {
      closed(key, use);
      throw error;
    },
  );
  use.closing.catch(() => undefined);
}

function closed(key: string, use: InodeUse): void {
  use.closing = undefined;
  sweep(key);
}

function forgetUnused(key: string): void {
  const use = inodes.get(key);
  if (use?.users === 0 && use.held.size === 0 && use.deferred.length === 0) inodes.delete(key);
}

function newUse(key: string): InodeUse {
  const use: InodeUse = {
    users: 0,
    exclusive: false,
    shared: new Map(),
    held: new Set(),
    deferred: [],
    closing: undefined,
  };
  inodes.set(key, use);
  return use;
}

/** Tells files apart that had one inode number one after the other. */
function versionOf({ bytes, changedNs }: Pick<FileStat, "bytes" | "changedNs">): string {
  return `${bytes}:${changedNs}`;
}

function keyOf(stat: Pick<FileStat, "device" | "inode">): string {
  return `${stat.device}:${stat.inode}`;
}
