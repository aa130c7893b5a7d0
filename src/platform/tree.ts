import { join } from "node:path";
import type { FileStat, Platform } from "./port.ts";

/** Something that lies below a folder. */
export interface TreeEntry {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly stat: FileStat;
}

/** Stats asked for at a time. */
const batch = 64;

/**
 * Everything below a folder but the folders themselves, by path; links are told as such, not followed. `enter` says whether to go into a folder; what goes away meanwhile is left out. None
 * where the folder is missing.
 */
export async function listTree(
  platform: Platform,
  folder: string,
  enter: (path: string) => boolean = () => true,
): Promise<TreeEntry[]> {
  const found: TreeEntry[] = [];
  await listInto(platform, { folder, prefix: "", found, enter });
  return found;
}

interface Walk {
  readonly folder: string;
  /** Empty, or ends with `/`. */
  readonly prefix: string;
  readonly found: TreeEntry[];
  readonly enter: (path: string) => boolean;
}

async function listInto(platform: Platform, { folder, prefix, found, enter }: Walk): Promise<void> {
  const names = await platform.files.list(folder);
  for (let first = 0; first < names.length; first += batch) {
    const part = names.slice(first, first + batch);
    const stats = await Promise.all(part.map((name) => platform.files.stat(join(folder, name))));
    for (const [index, name] of part.entries()) {
      const stat = stats[index];
      const path = `${prefix}${name}`;
      if (stat === undefined) continue;
      if (stat.kind !== "folder") found.push({ path, stat });
      else if (enter(path)) await listInto(platform, { folder: join(folder, name), prefix: `${path}/`, found, enter });
    }
  }
}
