import { lstatSync, readdirSync, readFileSync, readlinkSync, type BigIntStats } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { errnoOf } from "./io-error.ts";
import type { ListedLock, LockingProcess } from "./port.ts";

/** A lock as the kernel prints it. */
interface KernelLock {
  readonly mode: ListedLock["mode"];
  /** Only of a POSIX lock: an open-file-description lock belongs to a descriptor, not to a process. */
  readonly pid: number | undefined;
  /** Device and inode, as `fileName` spells them. */
  readonly file: string;
}

/**
 * A line of `/proc/locks`, proc_locks(5). Other kinds (FLOCK, LEASE) exclude none of ours; who waits for a lock (`1: -> POSIX …`) holds none.
 */
const lockLine = /^\d+: ((?:POSIX|OFDLCK) +\S+ +(READ|WRITE) +(-?\d+) +(\S+) .*)$/;

/** Longest command that is told, in characters, as in lock notes. */
const commandCharactersMax = 200;

/** What one `read` of the kernel's list holds at most, in bytes: a page. */
const pageBytes = 4096;
/** Listings at most: while others lock and unlock, about one in a hundred of a long list is wrong. */
const listingsMax = 8;

/**
 * The POSIX and open-file-description locks on the files of these names, as `fileName` spells them; `undefined` where the kernel does not tell, which only
 * Linux does. The kernel lets go of its list between two pages, so that a lock may be named twice or missed while others come and go: two listings that
 * follow each other must agree on these files.
 */
export function listKernelLocks(names: ReadonlySet<string>): readonly KernelLock[] | undefined {
  if (process.platform !== "linux") return undefined;
  let before: readonly KernelLock[] | undefined;
  for (let listing = 1; ; listing += 1) {
    const table = kernelTable();
    if (table === undefined) return undefined;
    const found = parseLocks(table).filter(({ file }) => names.has(file));
    if (table.length < pageBytes / 2 || listing === listingsMax || (before && isDeepStrictEqual(inOrder(found), inOrder(before))))
      return found;
    before = found;
  }
}

/** On this thread: the pages follow each other as closely as they can. */
function kernelTable(): string | undefined {
  try {
    return readFileSync("/proc/locks", "utf8");
  } catch {
    return undefined;
  }
}

/** The kernel lists by processor, so that an unlock and lock elsewhere may turn the order. */
function inOrder(locks: readonly KernelLock[]): string[] {
  return locks.map(({ mode, pid, file }) => `${file} ${mode} ${pid}`).toSorted();
}

/** Device and inode of a file as `/proc/locks` prints them: major and minor in hexadecimal, at least two digits, and the inode. */
export function fileName({ device, inode }: { readonly device: bigint; readonly inode: bigint }): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  const digits = (number: bigint) => number.toString(16).padStart(2, "0");
  return `${digits(major)}:${digits(minor & 0xffffffffn)}:${inode}`;
}

/**
 * The locks on some files, with who holds them, by path. The kernel's list has every lock and names no process for ours; who has a file open and
 * locked stands in `/proc/<pid>/fdinfo`, which is readable for one's own processes, and for root. Opens none of the files.
 */
export async function lockHolders(paths: readonly string[]): Promise<ReadonlyMap<string, readonly ListedLock[]> | undefined> {
  const seen = await locksOfProcesses(new Set(paths.map((path) => basename(path))));
  // Listed last: a lock that was taken since the processes were looked at counts, without its process.
  // Looked at on this thread: a store of a thousand releases has as many pins, and a turn of the thread pool costs far more than such a look.
  const files = paths
    .map((path) => ({ path, stats: lookAt(path) }))
    .filter((file): file is LookedAt => file.stats?.isFile() === true);
  const listed = listKernelLocks(new Set(files.map(({ stats }) => kernelName(stats))));
  if (listed === undefined) return undefined;
  const found = new Map<string, readonly ListedLock[]>();
  for (const { path, stats } of files) {
    found.set(path, await merged(ofFile(listed, stats), seen.get(keyOf(stats)) ?? []));
  }
  return found;
}

interface LookedAt {
  readonly path: string;
  readonly stats: BigIntStats;
}

function kernelName({ dev, ino }: BigIntStats): string {
  return fileName({ device: dev, inode: ino });
}

/** On btrfs the kernel's list spells another device, so that there only the processes tell. */
function ofFile(listed: readonly KernelLock[], stats: BigIntStats): KernelLock[] {
  const name = kernelName(stats);
  return listed.filter(({ file }) => file === name);
}

/** Device and inode as `stat` tells them. */
function keyOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function lookAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Locks on files of these names that this user may see the processes of, by device and inode. */
async function locksOfProcesses(names: ReadonlySet<string>): Promise<ReadonlyMap<string, ListedLock[]>> {
  const found = new Map<string, ListedLock[]>();
  if (names.size === 0) return found;
  for (const pid of namesIn("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const descriptor of namesIn(`/proc/${pid}/fd`)) {
      const path = `/proc/${pid}/fd/${descriptor}`;
      // A name costs a microsecond and touches no file system; few descriptors have one that is wanted.
      if (!names.has(basename(linkAt(path)))) continue;
      const key = await keyAt(path);
      if (key === undefined) continue;
      const info = await readFile(`/proc/${pid}/fdinfo/${descriptor}`, "utf8").catch(() => "");
      const locks = parseLocks(info.replaceAll(/^lock:\t/gm, ""));
      const holder = locks.length > 0 ? await processOf(Number(pid)) : undefined;
      found.set(key, [...(found.get(key) ?? []), ...locks.map(({ mode }) => ({ mode, process: holder }))]);
    }
  }
  return found;
}

/** Everything the kernel lists, with a process where one is known, and what only the processes' own files tell. */
async function merged(listed: readonly KernelLock[], seen: readonly ListedLock[]): Promise<ListedLock[]> {
  const known = [...seen];
  const pids = new Set(seen.map((lock) => lock.process?.pid));
  for (const { mode, pid } of listed) {
    if (pid !== undefined && !pids.has(pid)) known.push({ mode, process: await processOf(pid) });
  }
  for (const mode of ["shared", "exclusive"] as const) {
    const count = (locks: readonly { readonly mode: string }[]) => locks.filter((lock) => lock.mode === mode).length;
    for (let hidden = count(listed) - count(known); hidden > 0; hidden -= 1) known.push({ mode, process: undefined });
  }
  return known;
}

/** Of two lines that tell the same exclusive lock on the same range one is a repetition: there cannot be two. */
function parseLocks(text: string): KernelLock[] {
  const locks: KernelLock[] = [];
  const exclusive = new Set<string>();
  for (const line of text.split("\n")) {
    const [, lock = "", type, pid, file] = lockLine.exec(line) ?? [];
    if (file === undefined || exclusive.has(lock)) continue;
    if (type === "WRITE") exclusive.add(lock);
    locks.push({ mode: type === "READ" ? "shared" : "exclusive", pid: Number(pid) > 0 ? Number(pid) : undefined, file });
  }
  return locks;
}

async function processOf(pid: number): Promise<LockingProcess> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const [program = "", ...words] = line.split("\0");
  const command = [basename(program), ...words].join(" ").trim().slice(0, commandCharactersMax);
  return { pid, ...(command !== "" && { command }) };
}

/** Empty for what has ended meanwhile, or belongs to another user. On this thread: the kernel answers from memory, and each process would cost a turn of the thread pool. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

async function keyAt(path: string): Promise<string | undefined> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  return stats && keyOf(stats);
}

function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
