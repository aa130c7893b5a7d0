import { basename, join } from "node:path";
import { isLockkeeperError, type LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { CheckResult } from "../../model/check.ts";
import { makeFolders, openFilesStay, removeTree, renameFile, replaceFile } from "../../platform/files.ts";
import type { BuildFolder } from "./folder.ts";
import type { ReleaseStore } from "../store.ts";

/** Why a build did not become a release. */
export interface QuarantineReport {
  readonly outcome: "refused" | "failed" | "not-switched";
  readonly checks: readonly CheckResult[];
  readonly error?: LockkeeperError | undefined;
  readonly output: Buffer;
}

/**
 * Moves a build into quarantine with `report.json` and the end of its output as `build.log`. A failed build leaves its report only: what it wrote is
 * not whole. Returns the folder.
 */
export async function quarantine(store: ReleaseStore, build: BuildFolder, report: QuarantineReport): Promise<string> {
  const { platform, paths } = store;
  const target = join(paths.quarantine, build.id);
  await makeFolders(platform, paths.folder, paths.quarantine);
  if (report.outcome === "failed") {
    await makeFolders(platform, paths.folder, target);
    await build.discard();
  } else {
    for (const name of await platform.files.list(build.folder)) {
      if (name !== basename(build.path) && name !== "lock") await removeTree(platform, join(build.folder, name));
    }
    // The build lock keeps sweepers away meanwhile.
    if (openFilesStay(platform)) await build.unlock();
    await renameFile(platform, build.folder, target);
    await platform.files.syncFolder(paths.quarantine);
    await build.unlock();
  }
  const time = platform.clock.now().toISOString();
  const text = JSON.stringify(
    { build: build.id, store: store.name, time, outcome: report.outcome, checks: report.checks, error: report.error },
    null,
    2,
  );
  await replaceFile(platform, { path: join(target, "build.log"), bytes: report.output, failpoint: "quarantine.log" });
  await replaceFile(platform, {
    path: join(target, "report.json"),
    bytes: Buffer.from(`${text}\n`),
    failpoint: "quarantine.report",
  });
  return target;
}

/** Folders in quarantine, newest first by the time in their reports; one without a readable report counts as oldest. */
export async function listQuarantine(store: ReleaseStore): Promise<string[]> {
  const folders = (await store.platform.files.list(store.paths.quarantine)).map((name) => join(store.paths.quarantine, name));
  const dated = folders.map((folder) => ({ folder, time: reportTime(store, folder) }));
  return dated.toSorted((left, right) => (left.time < right.time ? 1 : -1)).map(({ folder }) => folder);
}

function reportTime(store: ReleaseStore, folder: string): string {
  try {
    const bytes = store.platform.files.readNow(join(folder, "report.json"), 16 * 1024 * 1024)?.bytes;
    const time = (JSON.parse(bytes?.toString("utf8") ?? "{}") as { time?: unknown }).time;
    return typeof time === "string" ? time : "";
  } catch (error) {
    if (isLockkeeperError(error)) throw error;
    return "";
  }
}
