import { storePaths } from "../../../src/model/layout.ts";
import { storeFolder } from "../crashes/place.ts";
import type { Step } from "../model/machine.ts";

const paths = storePaths(storeFolder);

const fixedFolders = new Set([paths.own, paths.records, paths.pins, paths.builds, paths.quarantine, paths.trash]);

/**
 * Steps of a writer that a reader can tell from one another: it looks at the manifest, the slots or release folders, the records and the pins, and at nothing else. What is done
 * to other files commutes with all that a reader does, and so do fsyncs, which change nothing that a process sees. The other way round a writer
 * feels nothing of a reader but its locks on pins.
 */
export function seenByReaders({ operation, path }: Step): boolean {
  if (operation === "query") return true;
  if (isTemporary(path) || operation === "sync" || operation === "setMode") return false;
  if (path.startsWith(`${paths.pins}/`)) return true;
  const changes = operation === "rename" || operation === "write" || operation === "truncate" || operation === "removeFile";
  const isSlot = path.endsWith(".duckdb") && !path.startsWith(`${paths.own}/`);
  const isRecord = [paths.records, paths.releases, paths.trash].some((folder) => path.startsWith(`${folder}/`));
  if (changes && (path === paths.manifest || isSlot || isRecord)) return true;
  // A reader opens and closes these itself; a writer's shared lock on one keeps no reader out.
  return isSlot && (operation === "open" || operation === "close");
}

/**
 * Steps of a writer that another writer can tell from one another. Left out is what nobody but one process looks at, a build folder and a temporary file
 * (a sweep looks at the first, and holds the build lock, as whoever builds does; a prune at the second, and holds the writer lock, as whoever replaces a file does: the
 * monitor watches both), fsyncs, and looking for folders that are there from the start. Of what is left out, nothing is followed by a look without
 * a step of its own at what another may change, unless under the lock that keeps that other out.
 */
export function seenByWriters({ operation, path }: Step): boolean {
  if (["sync", "syncFolder", "setMode", "setOwner"].includes(operation)) return false;
  if (isTemporary(path) || path.startsWith(`${paths.builds}/`) || path.startsWith(`${paths.quarantine}/`)) return false;
  const isFixed = fixedFolders.has(path) || paths.folder.startsWith(path);
  return !(operation === "stat" && isFixed);
}

function isTemporary(path: string): boolean {
  return /\.[0-9a-f]{12}\.tmp$/.test(path);
}
