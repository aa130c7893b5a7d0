import { join } from "node:path";
import { fail, pass, warn, type DoctorCheck, type Verdict } from "../../model/doctor/check.ts";
import { openFilesStay } from "../../platform/files.ts";
import { errnoOf, ioError } from "../../platform/io-error.ts";
import { whileLockedElsewhere } from "../../platform/lock-elsewhere.ts";
import type { OpenFile } from "../../platform/port.ts";
import type { ReleaseStore } from "../store.ts";
import { looking, verdictOf, type DoctorTools } from "./looking.ts";

/** A few blocks, so that there is something to share. Bytes. */
const probeBytes = 16 * 1024;

const names = ["kernel_locks", "folder_fsync", "reflink"] as const;

type Tried = Record<(typeof names)[number], Verdict>;

/**
 * What the file system does, tried on a private file in `.lockkeeper/` that is removed again: locks of two processes, fsync of a folder, sharing of blocks. Where no file
 * can be made there, nothing is changed and each is told as not tried. Throws `INTERRUPTED` alone.
 */
export async function probeChecks(store: ReleaseStore, { signal }: DoctorTools): Promise<DoctorCheck[]> {
  const path = join(store.paths.own, `.doctor.${store.platform.random(6)}.tmp`);
  const made = await makeProbe(store, path);
  const tried = "status" in made ? { kernel_locks: made, folder_fsync: made, reflink: made } : await tryAll(store, made, signal);
  return Promise.all(names.map((name) => looking(store, name, () => tried[name])));
}

/** The probe file, or why there is none. */
async function makeProbe({ platform, paths }: ReleaseStore, path: string): Promise<OpenFile | Verdict> {
  try {
    return await platform.files.open(path, "create", 0o600);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") {
      return warn(`not tried: ${paths.own} does not exist yet`, "The first publish makes it; look again afterwards.");
    }
    const { message, hint } = ioError(error, "make a file in", paths.own);
    return warn(`not tried: ${message}`, hint ?? "Look again as a user who may write there.");
  }
}

async function tryAll(store: ReleaseStore, probe: OpenFile, signal: AbortSignal | undefined): Promise<Tried> {
  const copy = join(store.paths.own, `.doctor.${store.platform.random(6)}.tmp`);
  let left: Verdict | undefined;
  let tried: Tried;
  try {
    await store.platform.failpoint("doctor.made");
    // A full disk has a check of its own.
    await probe.write(Buffer.alloc(probeBytes, 1), 0).catch(() => 0);
    tried = {
      kernel_locks: await verdictOf(() => tryLocks(store, probe, signal)),
      reflink: await verdictOf(() => tryReflink(store, probe.path, copy)),
      folder_fsync: await verdictOf(() => trySync(store)),
    };
  } finally {
    await probe.close().catch(() => undefined);
    left = await removeBoth(store, [probe.path, copy]);
  }
  return left ? { ...tried, folder_fsync: left } : tried;
}

async function tryLocks(store: ReleaseStore, probe: OpenFile, signal: AbortSignal | undefined): Promise<Verdict> {
  const { platform, paths } = store;
  const remedy = "Publish nothing here: two publishers would not keep apart. Move the store to a local disk.";
  const taken = await whileLockedElsewhere(platform, probe.path, {
    signal,
    use: async () => (["exclusive", "shared"] as const).filter((mode) => platform.locks.tryLock(probe, mode)),
  });
  if (taken.length > 0) {
    return fail(`a second process held a lock in ${paths.own}, and this one got ${taken.join(" and ")} locks beside it`, remedy);
  }
  if (!platform.locks.tryLock(probe, "exclusive")) {
    return fail(`a lock in ${paths.own} stayed when the process that held it was killed`, remedy);
  }
  return pass("a lock of a second process kept this one out, and went when that process was ended");
}

async function tryReflink({ platform }: ReleaseStore, source: string, target: string): Promise<Verdict> {
  const how = await platform.files.copy(source, target);
  return how === "reflink"
    ? pass("blocks can be shared: builds with --base active begin at once and take no room")
    : pass("blocks cannot be shared: builds with --base active begin with a whole copy");
}

async function trySync({ platform, paths }: ReleaseStore): Promise<Verdict> {
  if (openFilesStay(platform)) return pass("this system has no fsync of folders; files are synced");
  try {
    for (const folder of [paths.own, paths.folder]) await platform.files.syncFolder(folder);
    return pass("entries of the folder can be made durable");
  } catch (error) {
    const { message } = ioError(error, "fsync", paths.folder);
    return fail(message, "A release could be gone after a power cut. Move the store to a local disk.");
  }
}

async function removeBoth({ platform }: ReleaseStore, paths: readonly string[]): Promise<Verdict | undefined> {
  const failures: string[] = [];
  for (const path of paths) {
    const error: unknown = await platform.files.removeFile(path).catch((thrown: unknown) => thrown);
    if (error !== undefined && errnoOf(error) !== "ENOENT") failures.push(ioError(error, "remove", path).message);
  }
  return failures.length === 0 ? undefined : fail(failures.join("; "), "Remove it by hand: it is this look's own.");
}
