import { basename, join } from "node:path";
import { isLockkeeperError, type LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { isOwnName, type Artifact } from "../../model/artifact.ts";
import { parseCheckResults, type CheckResult } from "../../model/check.ts";
import { parseRecordedDatasets, type RecordedDataset } from "../../model/dataset.ts";
import { buildIdPattern } from "../../model/names.ts";
import type { ReleaseFile, ReleaseRecord, ReleaseTable } from "../../model/release-record.ts";
import { dbtTarget } from "../dbt/files.ts";
import { makeFolders, openFilesStay, removeTree, renameFile, replaceFile } from "../../platform/files.ts";
import type { BuildFolder } from "./folder.ts";
import type { ReleaseStore } from "../store.ts";

/** A larger report is none of ours. Bytes. */
const reportBytesMax = 16 * 1024 * 1024;

/** Why a build did not become a release. */
export interface QuarantineReport {
  readonly outcome: "refused" | "failed" | "not-switched" | "expired";
  readonly checks: readonly CheckResult[];
  readonly error?: LockkeeperError | undefined;
  /** In words, where neither a check nor an error says it. */
  readonly detail?: string | undefined;
  readonly output: Buffer;
  /** What it holds, where that is more than a DuckDB file. */
  readonly contents?: QuarantinedContents | undefined;
  /** What dbt's files offer of it. */
  readonly datasets?: readonly RecordedDataset[] | undefined;
}

/** What a build in quarantine holds. Paths of files are relative to its folder, with `/`. */
export type QuarantinedContents = Pick<ReleaseRecord, "basename"> & {
  readonly artifacts: readonly Artifact[];
  readonly files: readonly ReleaseFile[];
  readonly tables: readonly ReleaseTable[];
};

/**
 * Moves a build into quarantine with `report.json` and the end of its output as `build.log`. A failed build leaves its report only: what it wrote is
 * not whole. One that expired keeps every file it has: nobody has said which of them matter. Returns the folder.
 */
export async function quarantine(store: ReleaseStore, build: BuildFolder, report: QuarantineReport): Promise<string> {
  const { platform, paths } = store;
  const target = join(paths.quarantine, build.id);
  await makeFolders(platform, paths.folder, paths.quarantine);
  if (report.outcome === "failed") {
    await makeFolders(platform, paths.folder, target);
    await build.discard();
    await writeReport(store, { build: build.id, folder: target }, report);
    return target;
  }
  // Before the move: what lies in quarantine without a report counts as oldest, and is the first to go.
  const written = writeReport(store, { build: build.id, folder: build.folder }, report);
  // One that expired has nobody who needs it out of the way.
  await (report.outcome === "expired" ? written : written.catch(() => undefined));
  // The build lock keeps sweepers away meanwhile.
  if (openFilesStay(platform)) await build.unlock();
  await renameFile(platform, build.folder, target);
  await platform.files.syncFolder(paths.quarantine);
  await build.unlock();
  await platform.failpoint("quarantine.moved");
  if (report.outcome !== "expired") await strip(store, target, build);
  await written;
  return target;
}

async function writeReport(
  { platform, name }: ReleaseStore,
  { build, folder }: { readonly build: string; readonly folder: string },
  { output, ...report }: QuarantineReport,
): Promise<void> {
  const time = platform.clock.now().toISOString();
  const { outcome, detail, checks, error, contents, datasets } = report;
  const text = JSON.stringify({ build, store: name, time, outcome, detail, checks, error, contents, datasets }, null, 2);
  await replaceFile(platform, { path: join(folder, "build.log"), bytes: output, failpoint: "quarantine.log" });
  await replaceFile(platform, {
    path: join(folder, "report.json"),
    bytes: Buffer.from(`${text}\n`),
    failpoint: "quarantine.report",
  });
}

/** Nothing but the data and what is told of it is worth keeping. Removed only here: a crash before leaves a build folder that has all it had. */
async function strip({ platform, artifacts }: ReleaseStore, folder: string, build: BuildFolder): Promise<void> {
  const told = new Set(["lock", "build.log", "report.json", dbtTarget, ...(build.hasDatabase ? [basename(build.path)] : [])]);
  const data = new Set(artifacts.map((artifact) => (artifact.kind === "duckdb" ? "" : (artifact.path.split("/")[0] ?? ""))));
  // With an artifact in the folder itself all that is not ours is data.
  const isData = (name: string) => data.has(name) || (data.has(".") && !isOwnName(name));
  for (const name of await platform.files.list(folder)) {
    if (!told.has(name) && !isData(name)) await removeTree(platform, join(folder, name));
  }
}

/** A build in quarantine. */
export interface Quarantined {
  readonly build: string;
  /** Absolute. */
  readonly folder: string;
  /** Of its report, RFC 3339 UTC; empty where there is no readable one. */
  readonly time: string;
}

/** What lies in quarantine, newest first by the time in the reports; a build without a readable report counts as oldest. */
export async function listQuarantine(store: ReleaseStore): Promise<Quarantined[]> {
  const builds = await store.platform.files.list(store.paths.quarantine);
  const dated = builds.map((build) => {
    const folder = join(store.paths.quarantine, build);
    return { build, folder, time: reportTime(store, folder) };
  });
  return dated.toSorted((left, right) => (left.time < right.time ? 1 : -1));
}

/** The check results of a build in quarantine; `undefined` where there is no readable report, and for what is no build id. */
export function quarantinedChecks(store: ReleaseStore, build: string): readonly CheckResult[] | undefined {
  if (!buildIdPattern.test(build)) return undefined;
  return parseCheckResults(reportIn(store, join(store.paths.quarantine, build)).checks);
}

/** What dbt's files offered of a build in quarantine; none where there is no readable report, and for what is no build id. */
export function quarantinedDatasets(store: ReleaseStore, build: string): readonly RecordedDataset[] {
  if (!buildIdPattern.test(build)) return [];
  const report = reportIn(store, join(store.paths.quarantine, build));
  return parseRecordedDatasets(report.datasets) ?? [];
}

function reportTime(store: ReleaseStore, folder: string): string {
  const { time } = reportIn(store, folder);
  return typeof time === "string" ? time : "";
}

interface FoundReport {
  readonly time?: unknown;
  readonly checks?: unknown;
  readonly datasets?: unknown;
}

/** A report as it lies there; nothing where it cannot be read. */
function reportIn(store: ReleaseStore, folder: string): FoundReport {
  try {
    const bytes = store.platform.files.readNow(join(folder, "report.json"), reportBytesMax)?.bytes;
    return (JSON.parse(bytes?.toString("utf8") ?? "{}") as FoundReport | null) ?? {};
  } catch (error) {
    if (isLockkeeperError(error)) throw error;
    return {};
  }
}
