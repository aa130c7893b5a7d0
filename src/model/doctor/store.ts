import { formatBytes, formatElapsed } from "../units.ts";
import { fail, pass, warn, type Verdict } from "./check.ts";

/** The kind of the volume that a store lies on, as `Disk.kind` tells it. `networkAllowed`: the store's readers may read over a network. */
export function judgeFileSystem(
  kind: { readonly name: string; readonly network: boolean },
  { networkAllowed }: { readonly networkAllowed: boolean },
): Verdict {
  const { name, network } = kind;
  if (network) {
    const observed = `${name}, a network file system: its locks cannot be trusted, and publish refuses it`;
    if (networkAllowed)
      return warn(observed, "Readers may follow here, for reader.allow_network_fs is set; publish on a local disk.");
    return fail(observed, "Put the store on a local disk; readers of this machine may follow with reader.allow_network_fs.");
  }
  // FACTS 5: locks of the lower and of the merged path do not exclude each other.
  if (name === "overlayfs") {
    return warn(
      "overlayfs: a lock taken inside this container is not seen outside of it, nor the other way round",
      "Put the store on a volume that publisher and readers share.",
    );
  }
  if (name === "tmpfs") return warn("tmpfs: what is published is gone after a restart", "Put the store on a disk.");
  return pass(name.startsWith("0x") ? `a file system of type ${name}, not known as a network one` : name);
}

/**
 * Free space against what a build needs: as much again as the active release. `freed` is what the build is given beforehand (`space = "2x"`), `needed` is
 * `undefined` where nothing is active. Bytes.
 */
export function judgeSpace({
  free,
  needed,
  freed = 0,
}: {
  readonly free: number;
  readonly needed: number | undefined;
  readonly freed?: number | undefined;
}): Verdict {
  const more = freed > 0 ? `, ${formatBytes(freed)} more without the inactive slot` : "";
  const room = `${formatBytes(free)} are free${more}`;
  if (needed === undefined) return pass(`${room}; nothing is active, so what a build needs is not known`);
  const observed = `${room}; a build needs about ${formatBytes(needed)}`;
  if (free + freed < needed) return fail(observed, "Free some space: a publish would stop with DISK_FULL.");
  if (free + freed < 2 * needed) return warn(observed, "Free some space: a build that is twice as large would not fit.");
  return pass(observed);
}

/** This machine's clock against the newest time that the store tells of. Times in milliseconds. */
export function judgeClock({
  now,
  newest,
  toleranceMs,
}: {
  readonly now: number;
  readonly newest: number | undefined;
  readonly toleranceMs: number;
}): Verdict {
  const shown = new Date(now).toISOString();
  if (newest === undefined) return pass(`it is ${shown}; the store tells of no time yet`);
  const behindMs = newest - now;
  const observed = `it is ${shown}; the newest time in the store is ${new Date(newest).toISOString()}`;
  if (behindMs <= toleranceMs) return pass(observed);
  return fail(
    `${observed}, ${formatElapsed(behindMs)} later: a clock was set back, or another machine's is ahead`,
    "Set the clocks by NTP. Until then ages are wrong, and releases with a date in the future are kept.",
  );
}

/** Who may do what with a store's folder. */
export interface Access {
  /** This user, in words. */
  readonly user: string;
  readonly userId: number | undefined;
  /** Owner of the folder. */
  readonly ownerId: number;
  /** Permission bits of the folder. */
  readonly mode: number;
  /** What the system says to reading and to writing, such as `EACCES`; `undefined` for yes. */
  readonly readDenied: string | undefined;
  readonly writeDenied: string | undefined;
}

/** Whether this user may read and write a store. */
export function judgeAccess({ user, userId, ownerId, mode, readDenied, writeDenied }: Access): Verdict {
  const folder =
    userId === undefined
      ? "owners and modes mean nothing on this system"
      : `the folder is of user ${ownerId}, mode ${octal(mode)}`;
  if (readDenied !== undefined) {
    return fail(
      `${user} may not read here (${readDenied}); ${folder}`,
      "Run as the user that owns the folder, or change its mode.",
    );
  }
  if (writeDenied !== undefined) {
    return warn(
      `${user} may read and not write here (${writeDenied}); ${folder}`,
      "Enough for readers. To publish, run as the user that owns the folder, or mount it writable.",
    );
  }
  if (userId === 0 && ownerId !== 0) {
    return warn(
      `${user} may write here; ${folder}`,
      `Publish as user ${ownerId}: what root makes here, that user may not write afterwards.`,
    );
  }
  return pass(`${user} may write here; ${folder}`);
}

/** What lies at `.writer.lock`, and what the system says to this user's writing it. */
export interface LockFile {
  readonly kind: "file" | "folder" | "symlink" | "other";
  readonly mode: number;
  readonly writeDenied: string | undefined;
  /** Whether the user may write the folder: who may only read has no use for the lock. */
  readonly folderWritable: boolean;
}

/** Whether the writer lock can be taken, and by whom. `undefined` where there is no file yet. */
export function judgeWriterLock(file: LockFile | undefined): Verdict {
  if (file === undefined) return pass("there is none yet; the first publish makes it");
  if (file.kind !== "file") return fail(`it is no regular file (${file.kind})`, "Move it away; it is made anew.");
  const observed = `mode ${octal(file.mode)}`;
  if (file.writeDenied !== undefined && file.folderWritable) {
    return fail(
      `${observed}; this user may write the folder and not the lock (${file.writeDenied}), so every publish fails`,
      "Give the lock file to the user that publishes, with mode 0644. Do not remove it while a publisher may be at work.",
    );
  }
  if ((file.mode & 0o002) !== 0) {
    return warn(
      `${observed}: every user of this machine may hold the lock, and so stop all publishers`,
      "Set mode 0644, or 0664 for a group.",
    );
  }
  return pass(observed);
}

function octal(mode: number): string {
  return `0${(mode & 0o777).toString(8).padStart(3, "0")}`;
}
