import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "../../../../src/model/manifest.ts";

/** Larger files are compared by size and change time, which the kernel sets at every change. */
const hashedBytesMax = 64 * 1024;

/** Their notes are for people and change with every holder; that they are locks is tested elsewhere. */
const notes = new Set([".writer.lock", "build.lock"]);

/**
 * Everything below a folder, one line an entry: path, kind, mode, inode, and what is in it. Two equal lists are one unchanged tree. Never call it while
 * this process has a database in the folder open: closing a file drops the locks on it (FACTS 1.3).
 */
export function treeOf(folder: string, below = ""): string[] {
  return readdirSync(join(folder, below))
    .toSorted()
    .flatMap((name) => (notes.has(name) ? [] : entryLines(folder, join(below, name))));
}

function entryLines(folder: string, entry: string): string[] {
  const path = join(folder, entry);
  const stat = lstatSync(path, { bigint: true });
  const line = `${entry} ${(stat.mode & 0o777n).toString(8)} ${stat.ino}`;
  if (stat.isDirectory()) return [`${line} folder`, ...treeOf(folder, entry)];
  if (stat.isSymbolicLink()) return [`${line} -> ${readlinkSync(path)}`];
  if (!stat.isFile()) return [`${line} neither file nor folder`];
  return [`${line} ${stat.size} ${stat.size > hashedBytesMax ? stat.ctimeNs : sha256Hex(readFileSync(path))}`];
}
