import type { LockkeeperError } from "../errors/lockkeeper-error.ts";

/**
 * Everything a protocol touches outside its own memory. The real one is `nodePlatform()`; a crash model or a
 * scheduler that steps processes through all orders stands in for it in tests. Errors of the file
 * system are Node's own (`code` is `ENOSPC`, `EACCES`, …); `files.ts` turns them into ours.
 */
export interface Platform {
  readonly files: FileSystem;
  readonly locks: KernelLocks;
  readonly processes: Processes;
  readonly disk: Disk;
  readonly clock: Clock;
  /** `count` random bytes as lower-case hex. */
  random(count: number): string;
  /** Called between the steps of every durable protocol; does nothing unless a test arms the name. */
  failpoint(name: string): Promise<void>;
}

/** What `lstat` tells. Devices, inodes and times are exact; times are nanoseconds since the epoch. */
export interface FileStat {
  readonly kind: "file" | "folder" | "symlink" | "other";
  readonly device: bigint;
  readonly inode: bigint;
  readonly bytes: number;
  /** Permission bits only. */
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
  /** Names that lead to it. */
  readonly links: number;
  readonly modifiedNs: bigint;
  readonly changedNs: bigint;
}

/** An open file. Reading and writing are positional; `write` may write less than it was given. */
export interface OpenFile {
  readonly path: string;
  /** The number a child process can inherit; -1 where the platform has none. */
  readonly descriptor: number;
  stat(): Promise<FileStat>;
  read(position: number, bytesMax: number): Promise<Buffer>;
  write(bytes: Uint8Array, position: number): Promise<number>;
  truncate(bytes: number): Promise<void>;
  /** fsync. A failure is never retried: what was written is lost. */
  sync(): Promise<void>;
  setMode(mode: number): Promise<void>;
  setOwner(owner: number, group: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * How a file is opened: `read` an existing one; `create` a new one and fail if the name is taken;
 * `update` for reading and writing, made if missing, never truncated. None follows a symbolic link in the last place.
 */
export type OpenMode = "read" | "create" | "update";

/** Primitive file operations; the durable protocols are composed from these in `files.ts`. */
export interface FileSystem {
  /** `permissions` (default 0o644) apply to a file that is made, whatever the umask. */
  open(path: string, mode: OpenMode, permissions?: number): Promise<OpenFile>;
  /** `undefined` where nothing lies at the path. Never follows a symbolic link. */
  stat(path: string): Promise<FileStat | undefined>;
  /** The path with every symbolic link followed; `undefined` where it leads nowhere. */
  resolve(path: string): Promise<string | undefined>;
  /** As `stat`, on the calling thread (about 1 µs): for the reader's look at the manifest on each request. */
  statNow(path: string): FileStat | undefined;
  /**
   * A small regular file, whole, with the `fstat` of the descriptor it was read through, on the calling thread.
   * `undefined` where nothing lies at the path. `bytes` is `undefined` when it is not a regular file or larger than `bytesMax`;
   * never blocks on a FIFO and never follows a symbolic link.
   */
  readNow(path: string, bytesMax: number): { readonly bytes: Buffer | undefined; readonly stat: FileStat } | undefined;
  /** Names in a folder, sorted; empty where the folder is missing. */
  list(folder: string): Promise<string[]>;
  /** One folder; an existing one is fine and keeps its mode. `permissions` apply to one that is made, whatever the umask; left out, the umask decides. */
  makeFolder(path: string, permissions?: number): Promise<void>;
  rename(source: string, target: string): Promise<void>;
  /** Error codes of `rename` that pass by themselves: a file in use on Windows. Empty elsewhere. */
  readonly transientRenameErrors: readonly string[];
  removeFile(path: string): Promise<void>;
  /** An empty folder. */
  removeFolder(path: string): Promise<void>;
  /** fsync of a folder's entries; does nothing where the platform has no such call (Windows). */
  syncFolder(path: string): Promise<void>;
  /** Another name for a file (a hard link); the target must not exist. Rejects with `EXDEV`, `EPERM`, `EMLINK`, … where the file system has no such thing here. */
  link(source: string, target: string): Promise<void>;
  /** A new file with the source's bytes, sharing blocks where the file system can. The target must not exist. Not synced. */
  copy(source: string, target: string): Promise<"reflink" | "copy">;
}

/** Which bytes a lock covers; the default is the whole file. */
export interface LockRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Open-file-description locks (byte-range locks on Windows): they belong to the descriptor, survive a second open and close
 * of the file in this process, are inherited with the descriptor, and go when its last copy is closed or the process dies.
 */
export interface KernelLocks {
  /** False when another descriptor holds a conflicting lock. `exclusive` needs a writable descriptor, `shared` a readable one. */
  tryLock(file: OpenFile, mode: "shared" | "exclusive", range?: LockRange): boolean;
  /** Gives the lock up for every copy of the descriptor, an inherited one included. */
  unlock(file: OpenFile, range?: LockRange): void;
  /** Number of such locks the kernel lists on an inode, without touching the file; `undefined` where it does not tell. */
  count(stat: FileStat): Promise<number | undefined>;
  /**
   * The locks on some files by path, one entry a lock, without opening any of the files; a path where no regular file lies is left out. `undefined` where
   * the system does not list locks. Rejects with Node's error for a path that this user may not reach.
   */
  holders(paths: readonly string[]): Promise<ReadonlyMap<string, readonly ListedLock[]> | undefined>;
}

/** A lock on a file at one moment. */
export interface ListedLock {
  readonly mode: "shared" | "exclusive";
  /** `undefined` where this user may not see who holds it: a process of another user, or outside of this container. */
  readonly process: LockingProcess | undefined;
}

/** A process that holds a lock. */
export interface LockingProcess {
  readonly pid: number;
  readonly command?: string;
}

/** This process, as it signs lock notes. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Changes at each boot; `unknown` where the platform does not tell. */
  readonly bootId: string;
  /** RFC 3339 UTC. */
  readonly startedAt: string;
  readonly command: string;
}

/** A command to run. */
export interface CommandRequest {
  readonly argv: readonly string[];
  readonly folder: string;
  /** Added to this process's environment; `undefined` removes a variable. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Kept open in the child, so that their locks live as long as it does. */
  readonly inherit: readonly OpenFile[];
  /** Aborting sends SIGTERM to the command's process group, and SIGKILL after `graceMs`. */
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly graceMs: number;
  readonly onOutput: (chunk: Buffer, stream: "stdout" | "stderr") => void;
}

/** How a command ended. */
export interface CommandExit {
  readonly exit: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly durationMs: number;
  readonly pid: number;
}

/** Other processes. */
export interface Processes {
  self(): ProcessIdentity;
  /** Rejects with Node's error when the command cannot be started. */
  run(request: CommandRequest): Promise<CommandExit>;
}

/** Facts about the volume a path lies on. */
export interface Disk {
  /** Bytes that this user may still write. */
  freeBytes(path: string): Promise<number>;
  kind(path: string): Promise<{ readonly name: string; readonly network: boolean }>;
}

/** What this machine, this process and this user are like: for people who look for what is wrong. No protocol asks. */
export interface Machine {
  /** The version of Node, `20.20.2`, and the versions that the package runs on, `>=20.19`. */
  readonly node: { readonly version: string; readonly range: string };
  /** Operating system, processor and C library: `linux-x64, glibc 2.36`. */
  readonly system: string;
  /** Why there are no kernel locks here; `undefined` where the addon loads. */
  lockAddonProblem(): LockkeeperError | undefined;
  /** Files that this process may have open; `Infinity` for no limit, `undefined` where the system does not tell. */
  descriptorsMax(): Promise<number | undefined>;
  /** Bytes that this process may still take, by the limits of its container, too. */
  availableMemory(): number;
  /** Threads that run at a time. */
  readonly processors: number;
  /** `Europe/Berlin`; `undefined` where Node knows none. */
  timeZone(): string | undefined;
  /** `id` is `undefined` where the system has no numbers for users, `name` where it has no name for this one. */
  user(): { readonly id: number | undefined; readonly name: string | undefined };
  /** What the system says to this user's reading or writing a path, such as `EACCES`; `undefined` for yes. Opens nothing. */
  denied(path: string, to: "read" | "write"): Promise<string | undefined>;
}

/** Time. Wall time is for people and records; durations and deadlines use `monotonicMs`. */
export interface Clock {
  now(): Date;
  monotonicMs(): number;
  /**
   * Milliseconds since some moment of this boot, the same for all processes of the machine; no change of the wall clock moves it. Comparable between two
   * processes only where `bootId` is the same.
   */
  uptimeMs(): number;
  /** Resolves after `ms`; rejects with the reason when `signal` aborts. Never keeps the process alive on its own when `idle` is set. */
  wait(ms: number, options?: { readonly signal?: AbortSignal; readonly idle?: boolean }): Promise<void>;
  /** Calls `action` every `ms` without keeping the process alive; returns what stops it. */
  every(ms: number, action: () => void): () => void;
}
