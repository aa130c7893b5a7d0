import { dirname } from "node:path";
import { fail, pass, warn, type DoctorCheck } from "../../model/doctor/check.ts";
import { judgeAccess, judgeFileSystem, judgeWriterLock } from "../../model/doctor/store.ts";
import type { Platform } from "../../platform/port.ts";
import type { ReleaseStore } from "../store.ts";
import { looking, type DoctorTools } from "./looking.ts";

/** The folder itself: whether it is there, on what it lies, who may use it. */
export async function folderChecks(store: ReleaseStore, tools: DoctorTools): Promise<DoctorCheck[]> {
  const { platform, paths } = store;
  return [
    await looking(store, "folder", async () => {
      const stat = await platform.files.stat(paths.folder);
      if (stat === undefined)
        return warn(`${paths.folder} does not exist yet`, "The first publish makes it; look again afterwards.");
      const real = await platform.files.resolve(paths.folder);
      if (real === undefined)
        return fail(`${paths.folder} is a link that leads nowhere`, "Make its target, or name another folder.");
      const kind = (await platform.files.stat(real))?.kind;
      if (kind !== "folder") return fail(`${paths.folder} is not a folder`, "Give the store a folder of its own.");
      return pass(real === paths.folder ? real : `${paths.folder}, which is ${real}`);
    }),
    await looking(store, "file_system", async () => {
      const kind = await platform.disk.kind(await nearestThere(platform, paths.folder));
      return judgeFileSystem(kind, tools);
    }),
    await looking(store, "access", () => accessVerdict(store, tools)),
    await looking(store, "writer_lock", () => writerLockVerdict(store, tools)),
  ];
}

/** The path, or the nearest folder above it that exists: what a first publish would make the rest in. */
export async function nearestThere(platform: Platform, path: string): Promise<string> {
  const there = (await platform.files.stat(path)) !== undefined;
  return there || dirname(path) === path ? path : nearestThere(platform, dirname(path));
}

async function accessVerdict({ platform, paths }: ReleaseStore, { machine }: DoctorTools) {
  const folder = await nearestThere(platform, paths.folder);
  const stat = await platform.files.stat((await platform.files.resolve(folder)) ?? folder);
  const { id, name } = machine.user();
  return judgeAccess({
    user: userText(id, name),
    userId: id,
    ownerId: stat?.owner ?? 0,
    mode: stat?.mode ?? 0,
    readDenied: await machine.denied(folder, "read"),
    writeDenied: await machine.denied(folder, "write"),
  });
}

/** A user as people know it: `user 1000 (app)`. */
export function userText(id: number | undefined, name: string | undefined): string {
  if (id === undefined) return name === undefined ? "this user" : `user ${name}`;
  return name === undefined ? `user ${id}` : `user ${id} (${name})`;
}

async function writerLockVerdict({ platform, paths }: ReleaseStore, { machine }: DoctorTools) {
  const stat = await platform.files.stat(paths.writerLock);
  if (stat === undefined) return judgeWriterLock(undefined);
  const { kind, mode } = stat;
  const [writeDenied, folderDenied] = [
    await machine.denied(paths.writerLock, "write"),
    await machine.denied(paths.folder, "write"),
  ];
  return judgeWriterLock({ kind, mode, writeDenied, folderWritable: folderDenied === undefined });
}
