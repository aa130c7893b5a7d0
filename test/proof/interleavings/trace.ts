import { basename, dirname } from "node:path";
import { storePaths } from "../../../src/model/layout.ts";
import type { OpenFile, Platform } from "../../../src/platform/port.ts";
import { storeFolder } from "../crashes/place.ts";
import { ModelFile } from "../model/files.ts";
import { modelLocks } from "../model/locks.ts";
import type { ModelProcess } from "../model/machine.ts";

const paths = storePaths(storeFolder);

/** One change of a store, done again by a process that stands for the writer. */
interface Change {
  readonly path: string;
  readonly again: (ghost: Ghost) => void;
}

/** Stands for a writer whose changes were recorded. */
export class Ghost {
  readonly process: ModelProcess;
  /** Pins that it has locked. */
  readonly pins = new Map<string, ModelFile>();

  constructor(process: ModelProcess) {
    this.process = process;
  }
}

/** What a writer did, in parts of which each ends with one change that a reader can see. */
export type Trace = readonly (readonly Change[])[];

/** Records what an operation changes, while nobody interferes. */
export async function record(process: ModelProcess, operate: () => Promise<unknown>): Promise<Trace> {
  const changes: Change[] = [];
  process.platform = recording(process, changes);
  await operate();
  const trace: Change[][] = [[]];
  for (const change of changes) {
    trace.at(-1)?.push(change);
    if (isSeen(change.path)) trace.push([]);
  }
  return trace.filter((part) => part.length > 0);
}

/** Readers look at these and at nothing else. What moves to the trash was a record or a release. */
function isSeen(path: string): boolean {
  if (/\.tmp$|\.new$/.test(path)) return false;
  const isSlot = path.endsWith(".duckdb") && !path.startsWith(`${paths.own}/`);
  return (
    path === paths.manifest ||
    isSlot ||
    [paths.records, paths.releases, paths.pins, paths.trash].some((folder) => path.startsWith(`${folder}/`))
  );
}

function recording(process: ModelProcess, changes: Change[]): Platform {
  const { platform } = process;
  const { files, locks } = platform;
  const { disk } = process.machine;
  const did = (path: string, again: Change["again"]): void => void changes.push({ path, again });
  return {
    ...platform,
    files: {
      ...files,
      async open(path, mode, permissions) {
        const before = disk.find(path);
        const file = await files.open(path, mode, permissions);
        if (!before) did(path, (ghost) => void ghost.process.machine.disk.make(path, "file"));
        return recordingFile(file as ModelFile, did);
      },
      async makeFolder(path) {
        const before = disk.find(path);
        await files.makeFolder(path);
        if (!before) did(path, (ghost) => void ghost.process.machine.disk.make(path, "folder"));
      },
      async rename(source, target) {
        await files.rename(source, target);
        did(target, (ghost) => renameAgain(ghost, source, target));
      },
      async removeFile(path) {
        await files.removeFile(path);
        did(path, (ghost) => removeAgain(ghost, path));
      },
      async removeFolder(path) {
        await files.removeFolder(path);
        did(path, (ghost) => removeAgain(ghost, path));
      },
    },
    locks: {
      ...locks,
      tryLock(file, mode) {
        const locked = locks.tryLock(file, mode);
        if (locked && mode === "exclusive" && file.path.endsWith(".pin")) did(file.path, (ghost) => lockAgain(ghost, file.path));
        return locked;
      },
    },
  };
}

function recordingFile(file: ModelFile, did: (path: string, again: Change["again"]) => void): OpenFile {
  const { path, node } = file;
  const writes = (): void => {
    const { content } = node;
    const again = ({ process: { machine } }: Ghost): void => machine.disk.setContent(machine.disk.mustFind(path), content);
    did(path, again);
  };
  file.write = async (bytes, position) => {
    const count = await ModelFile.prototype.write.call(file, bytes, position);
    writes();
    return count;
  };
  file.truncate = async (bytes) => {
    await ModelFile.prototype.truncate.call(file, bytes);
    writes();
  };
  file.close = async () => {
    await ModelFile.prototype.close.call(file);
    if (path.endsWith(".pin")) did(path, (ghost) => ghost.pins.get(path)?.drop());
  };
  return file;
}

/** A pin that a reader holds is not had, and so stays. */
function lockAgain(ghost: Ghost, path: string): void {
  const node = ghost.process.machine.disk.mustFind(path);
  const file = new ModelFile(ghost.process, path, { node, writable: true });
  if (modelLocks.tryLock(file, "exclusive")) ghost.pins.set(path, file);
  else file.drop();
}

/** A release whose pin is not had stays, and nothing of it is in the trash. */
function renameAgain(ghost: Ghost, source: string, target: string): void {
  const { disk } = ghost.process.machine;
  const isRelease = dirname(source) === paths.releases && target.startsWith(`${paths.trash}/`);
  if (!isRelease || ghost.pins.has(paths.pin(basename(source)))) disk.rename(source, target);
}

function removeAgain(ghost: Ghost, path: string): void {
  const { disk } = ghost.process.machine;
  const there = disk.find(path);
  if (!there && path.startsWith(`${paths.trash}/`)) return;
  if (!path.endsWith(".pin") || ghost.pins.has(path)) disk.remove(path);
}
