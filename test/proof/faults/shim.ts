import { spawnSync } from "node:child_process";
import { closeSync, openSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Kinds of system calls, in the order of `enum kind` in shim.c. */
export const kinds = [
  "open",
  "create",
  "read",
  "write",
  "sync",
  "rename",
  "unlink",
  "mkdir",
  "rmdir",
  "stat",
  "truncate",
  "close",
  "lock",
  "copy",
  "mode",
  "list",
] as const;

/** A kind of system call on a file or folder of the store. */
export type Kind = (typeof kinds)[number];

/** What happens to which call. */
export interface Fault {
  readonly kinds: readonly Kind[];
  /** Counted over calls of these kinds, from 1. */
  readonly nth: number;
  /** From the n-th on every one fails: a full disk stays full. */
  readonly sticky?: boolean;
  /** An error of the system, or `short`: half is read or written; `zero`: nothing is written, and no error. */
  readonly errno: keyof typeof actions;
}

/** Numbers of Linux; the shim is for Linux only. */
const actions = {
  EIO: 5,
  ENOSPC: 28,
  EROFS: 30,
  EMFILE: 24,
  EDQUOT: 122,
  EACCES: 13,
  ENOLCK: 37,
  short: -1,
  zero: -2,
} as const;

const headerInts = 8;
const planBytes = (headerInts + kinds.length) * 4 + 512;

/** What the shim counted since the plan was written. */
export interface Counted {
  readonly fired: number;
  /** fsyncs of a regular file whose fsync had failed in the same operation. */
  readonly syncedAgain: number;
  readonly counts: Readonly<Record<Kind, number>>;
}

/** The orders of the shim, in a file that faulted processes map. */
export class FaultPlan {
  readonly path: string;
  readonly #descriptor: number;

  constructor(folder: string) {
    this.path = join(folder, "plan");
    writeFileSync(this.path, Buffer.alloc(planBytes));
    this.#descriptor = openSync(this.path, "r+");
  }

  /** Arms the shim for files under `folder`; without a fault it only counts. */
  arm(folder: string, fault: Fault | undefined): void {
    const bytes = Buffer.alloc(planBytes);
    const mask = (fault?.kinds ?? []).reduce((bits, kind) => bits | (1 << kinds.indexOf(kind)), 0);
    const header = [1, mask, fault?.nth ?? 0, fault?.sticky ? 1 : 0, fault ? actions[fault.errno] : 0];
    for (const [index, value] of header.entries()) bytes.writeInt32LE(value, index * 4);
    bytes.write(folder, (headerInts + kinds.length) * 4);
    writeSync(this.#descriptor, bytes, 0, planBytes, 0);
  }

  /** Ends the faults, and tells what was met. */
  disarm(): Counted {
    const bytes = Buffer.alloc(planBytes);
    writeSync(this.#descriptor, bytes, 0, 4, 0);
    readSync(this.#descriptor, bytes, 0, planBytes, 0);
    const counts = kinds.map((kind, index) => [kind, bytes.readInt32LE((headerInts + index) * 4)] as const);
    return {
      fired: bytes.readInt32LE(24),
      syncedAgain: bytes.readInt32LE(28),
      counts: Object.fromEntries(counts) as Record<Kind, number>,
    };
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Compiles the shim into `folder`; a reason where this machine cannot. */
export function buildShim(folder: string): { readonly library: string } | { readonly skipped: string } {
  if (process.platform !== "linux") return { skipped: "no Linux" };
  const report = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } };
  if (report.header?.glibcVersionRuntime === undefined) return { skipped: "no glibc" };
  const library = join(folder, "shim.so");
  const source = fileURLToPath(new URL("shim.c", import.meta.url));
  const compiled = spawnSync("cc", ["-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], { encoding: "utf8" });
  if (compiled.error) return { skipped: "no C compiler" };
  if (compiled.status !== 0) throw new Error(compiled.stderr);
  return { library };
}
