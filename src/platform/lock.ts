import { basename } from "node:path";
import { throwIfInterrupted } from "../errors/interrupted.ts";
import { LockkeeperError, type LockHolder } from "../errors/lockkeeper-error.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { sameInode, writeWhole } from "./files.ts";
import { ioError } from "./io-error.ts";
import type { FileStat, OpenFile, Platform } from "./port.ts";

/** How often a held lock is tried again while waiting. */
const waitPauseMs = 100;
const noteBytesMax = 16 * 1024;

/** What a lock is taken for. */
export interface LockRequest {
  readonly path: string;
  /** `WRITER_LOCKED` or `BUILD_LOCKED`. */
  readonly code: ErrorCode;
  /** Completes "… is held": "the writer lock of holdings". */
  readonly what: string;
  /** For people: "publish holdings". */
  readonly purpose: string;
  /** 0 fails at once. Milliseconds. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called once when the lock is held and waiting begins. */
  readonly onWait?: ((holder: LockHolder | undefined) => void) | undefined;
}

/** A held kernel lock. */
export interface HeldLock {
  readonly file: OpenFile;
  /** Whether the note of the last holder was never closed: it died, or was killed. */
  readonly lastHolderDied: LockHolder | undefined;
  /** Throws `LOCK_REPLACED` when the lock file is no longer the one at the path; asked before every commit step. */
  verify(): Promise<void>;
  /** Closes the note, unlocks for every copy of the descriptor, closes. Safe to call twice. */
  release(): Promise<void>;
}

/** A lock file's note: who wrote it last, and whether they said goodbye. Decides nothing. */
export interface LockNote {
  readonly holder: LockHolder;
  readonly purpose: string | undefined;
  readonly closed: boolean;
}

/**
 * Takes an exclusive kernel lock. Held by another: throws `request.code` naming the holder, at once or after `waitMs`.
 * No state ever needs repair, and nothing beats a live holder.
 */
export async function acquireLock(platform: Platform, request: LockRequest): Promise<HeldLock> {
  const deadline = platform.clock.monotonicMs() + request.waitMs;
  let told = false;
  for (;;) {
    throwIfInterrupted(request.signal, `waiting for ${request.what}`);
    const held = await tryAcquire(platform, request);
    if (held === "replaced") continue;
    if (held) return held;
    const note = readLockNote(platform, request.path);
    if (platform.clock.monotonicMs() >= deadline) throw await lockedError(platform, request, note);
    if (!told) request.onWait?.((await heirOf(platform, request.path, note)) ?? holderOf(note));
    told = true;
    // An abort ends the wait early and is reported at the top of the loop.
    await platform.clock.wait(waitPauseMs, request.signal ? { signal: request.signal } : {}).catch(() => undefined);
  }
}

/** The note in a lock file, or `undefined` where there is none that can be read. */
export function readLockNote(platform: Platform, path: string): LockNote | undefined {
  const read = platform.files.readNow(path, noteBytesMax);
  const [, second] = read?.bytes?.toString("utf8").split("\n") ?? [];
  if (!second) return undefined;
  try {
    const value = JSON.parse(second) as Record<string, unknown>;
    if (!Number.isSafeInteger(value["pid"])) return undefined;
    const text = (name: string) => (typeof value[name] === "string" ? { [name]: value[name] } : {});
    const holder = { pid: value["pid"], ...text("command"), ...text("host"), ...text("since") } as LockHolder;
    const purpose = typeof value["purpose"] === "string" ? value["purpose"] : undefined;
    return { holder, purpose, closed: typeof value["closed"] === "string" };
  } catch {
    return undefined;
  }
}

/** Whom the note of a held lock names: nobody, where the last one who wrote a note has given the lock up, for other programs leave none. */
export function holderOf(note: LockNote | undefined): LockHolder | undefined {
  return note?.closed === false ? note.holder : undefined;
}

/**
 * A holder in words: `process 42 (node etl.mjs)`. One under another host's name is in another container of this machine, mostly as its process 1: there the name tells which.
 */
export function holderName(platform: Platform, { pid, command, host }: LockHolder): string {
  const where = host === undefined || host === platform.processes.self().host ? "" : ` on ${host}`;
  return `process ${pid}${where}${command ? ` (${command})` : ""}`;
}

/** Whether a lock file is held now, without taking it where the kernel lists its locks; missing is not held. */
export async function isLockHeld(platform: Platform, path: string): Promise<boolean> {
  const stat = await platform.files.stat(path);
  if (stat?.kind !== "file") return false;
  const listed = await platform.locks.count(stat);
  if (listed !== undefined) return listed > 0;
  const file = await platform.files.open(path, "read");
  try {
    return !platform.locks.tryLock(file, "shared");
  } finally {
    await file.close();
  }
}

/** `undefined`: another holds it. `replaced`: the file was removed or replaced between opening and locking it. */
async function tryAcquire(platform: Platform, request: LockRequest): Promise<HeldLock | "replaced" | undefined> {
  const file = await platform.files.open(request.path, "update").catch(async (error: unknown) => {
    const stat = await platform.files.stat(request.path).catch(() => undefined);
    if (stat !== undefined && stat.kind !== "file") throw notRegular(request.path, stat.kind);
    throw openError(error, request.path);
  });
  let held: HeldLock | undefined;
  try {
    await assertRegular(file);
    if (!platform.locks.tryLock(file, "exclusive")) return undefined;
    if (!(await isAtPath(platform, file))) return "replaced";
    const last = readLockNote(platform, request.path);
    await writeNote(platform, file, { purpose: request.purpose });
    held = heldLock(platform, request, { file, lastHolderDied: last?.closed === false ? last.holder : undefined });
    return held;
  } catch (error) {
    throw ioError(error, "take the lock file", request.path);
  } finally {
    if (!held) await file.close();
  }
}

/** Whoever wants a lock wants to write: to be the owner would not do on a read-only mount, which the kernel tells only to those whom the mode lets in. */
function openError(cause: unknown, path: string): LockkeeperError {
  const error = ioError(cause, "open lock file", path);
  if (error.code !== "PERMISSION_DENIED") return error;
  return new LockkeeperError(error.code, error.message, {
    hint: "Reading needs nothing more. To change the store, run as the user that owns its folder, where that is mounted writable.",
    subject: path,
    cause,
  });
}

/** A FIFO or a device can be opened, too. */
async function assertRegular(file: OpenFile): Promise<void> {
  const { kind } = await file.stat();
  if (kind !== "file") throw notRegular(file.path, kind);
}

function notRegular(path: string, kind: FileStat["kind"]): LockkeeperError {
  const what = { file: "a file", folder: "a folder", symlink: "a symbolic link", other: "a FIFO, socket or device" }[kind];
  return new LockkeeperError("IO_FAILED", `the lock file ${path} is ${what}, not a regular file`, {
    hint: "Move it away; a lock file is made anew when it is missing.",
    subject: path,
  });
}

function heldLock(platform: Platform, request: LockRequest, taken: Pick<HeldLock, "file" | "lastHolderDied">): HeldLock {
  const { file, lastHolderDied } = taken;
  let released = false;
  return {
    file,
    lastHolderDied,
    async verify() {
      if (await isAtPath(platform, file)) return;
      throw new LockkeeperError("LOCK_REPLACED", `${request.path} was removed or replaced while ${request.what} was held`, {
        hint: "Never delete lock files: they hold no state. Try again.",
        subject: request.path,
      });
    },
    async release() {
      if (released) return;
      released = true;
      // The note is for people; a full disk must not keep the lock.
      await writeNote(platform, file, { purpose: request.purpose, closed: platform.clock.now().toISOString() }).catch(
        () => undefined,
      );
      platform.locks.unlock(file);
      // A close that fails has closed all the same; what was done under the lock is not told differently for it.
      await file.close().catch(() => undefined);
    },
  };
}

async function isAtPath(platform: Platform, file: OpenFile): Promise<boolean> {
  return sameInode(await file.stat(), await platform.files.stat(file.path));
}

async function writeNote(platform: Platform, file: OpenFile, extra: Record<string, string>): Promise<void> {
  const self = platform.processes.self();
  const { pid, command, host, bootId, startedAt } = self;
  const note = { pid, command, host, bootId, startedAt, since: platform.clock.now().toISOString(), ...extra };
  const bytes = Buffer.from(`${pid}\n${JSON.stringify(note)}\n`);
  await file.truncate(0);
  await writeWhole(file, bytes, 0);
}

async function lockedError(platform: Platform, request: LockRequest, note: LockNote | undefined): Promise<LockkeeperError> {
  const noted = holderOf(note);
  const heir = await heirOf(platform, request.path, note);
  const holder = heir ?? noted;
  const since = holder?.since ? ` since ${holder.since}` : "";
  const who = holder ? ` by ${holderName(platform, holder)}${since}` : " by a program that left no note";
  const started = heir && noted ? `, which ${holderName(platform, noted)} had started before it died` : "";
  const last = note?.closed === true ? `; process ${note.holder.pid}, which the lock file names, has given it up` : "";
  return new LockkeeperError(request.code, `${request.what} is held${who}${started}${last}`, {
    hint: "Wait for it to end (--wait 10m), or stop that process; deleting the lock file does not help.",
    subject: request.path,
    ...(holder && { holder }),
  });
}

/** What a command runs, without the folders it lies in: a process in another namespace has another number, and the same program. */
function programOf(command: string | undefined): string {
  const words = (command ?? "").split(" ").slice(0, 2);
  return words.map((word) => basename(word)).join(" ");
}

/**
 * The process that holds a lock in place of the one in its note: a build command that outlived its publisher, and inherited it. `undefined` where the kernel tells of none, or not of all, where
 * one runs the program in the note, which is that very process as another namespace numbers it, and where the note is another host's.
 */
async function heirOf(platform: Platform, path: string, note: LockNote | undefined): Promise<LockHolder | undefined> {
  const noted = holderOf(note);
  const { host } = platform.processes.self();
  if (noted?.host !== host) return undefined;
  const listed = (await platform.locks.holders([path]))?.get(path) ?? [];
  const isNoted = (process: { readonly pid: number; readonly command?: string | undefined }): boolean =>
    process.pid === noted.pid || programOf(process.command) === programOf(noted.command);
  if (listed.some(({ process }) => process === undefined || isNoted(process))) return undefined;
  const [first] = listed;
  return first?.process && { ...first.process, host };
}
