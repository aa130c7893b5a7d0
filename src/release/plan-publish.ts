import { join } from "node:path";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { PlanStep, PublishPlan, Rel } from "../model/plan.ts";
import { basenameOf } from "./basename.ts";
import { baseOf, type BuildBase } from "./build/base.ts";
import { readSqlFiles } from "./build/sql.ts";
import { bytesToTake } from "./build/take-folder.ts";
import { assertExists, layoutOf, nextReleaseId, type StoreState } from "./state.ts";
import { slotToRemove } from "./space.ts";
import type { BuildSource, PublishOptions, ReleaseStore } from "./store.ts";

/** Where a release's data would come from: for a detached build, from whoever writes its file. */
export type PlannedSource = BuildSource | { readonly kind: "detached" };

/**
 * What a publish would do, as things stand now. Changes nothing. Throws `NO_RELEASE` for a build on a base that is not there, `FEATURE_MISSING` where the release would hold a SQLite file and
 * the package for it is not installed: told before hours of building.
 */
export async function planPublish(
  store: ReleaseStore,
  source: PlannedSource,
  { state, options }: { readonly state: StoreState; readonly options: Pick<PublishOptions, "base"> },
): Promise<PublishPlan> {
  if (options.base) assertExists(store, state);
  if (store.artifacts.some(({ kind }) => kind === "sqlite")) store.sqlite.assertInstalled();
  const base = await baseOf(store, state);
  const target = await layoutOf(store).target(store, state.current, await nextReleaseId(store, state));
  const replaced = await store.platform.files.stat(target.path);
  const previous = state.current?.manifest.own?.previous;
  const configured = store.checks.length;
  const copied = options.base && base;
  const removed = await slotToRemove(store, state);
  const steps: PlanStep[] = [
    ...(removed ? [removeStep(removed.path)] : []),
    ...(copied ? [copyStep(copied)] : []),
    { action: "build", subject: store.paths.builds, reason: await describeSource(store, source) },
    {
      action: "check",
      subject: store.name,
      reason: `opens as a reader opens it, storage version, views, and ${configured} configured`,
    },
    {
      action: "install",
      subject: target.path,
      reason: replaced && !removed ? whatIsReplaced(previous) : "nothing lies there yet",
    },
    {
      action: "switch",
      subject: store.paths.manifest,
      reason: base ? `from ${base.release}, version ${base.version}` : "the first release",
    },
  ];
  const rel = base && { release: base.release, version: base.version };
  return {
    store: store.name,
    ...(rel && { base: rel }),
    target: target.path,
    ...(await space(store, source, { base, basename: await basenameOf(store, state.current) })),
    ...(removed && { bytesFreed: removed.bytes }),
    steps,
  };
}

/** Throws `DISK_FULL` when the plan needs more than there is. The need is an estimate: as much as the active release, or the file to copy. */
export function assertSpace(store: ReleaseStore, plan: Pick<PublishPlan, "bytesNeeded" | "bytesFree" | "bytesFreed">): void {
  const bytesFree = plan.bytesFree + (plan.bytesFreed ?? 0);
  if (bytesFree >= plan.bytesNeeded) return;
  throw new LockkeeperError(
    "DISK_FULL",
    `a build of ${store.name} needs about ${plan.bytesNeeded} bytes; ${bytesFree} are free`,
    {
      hint: "A build needs as much room again as the active release, beside everything that is kept. Free some space and try again.",
      subject: store.paths.folder,
    },
  );
}

async function space(
  store: ReleaseStore,
  source: PlannedSource,
  { base, basename }: { readonly base: BuildBase | undefined; readonly basename: string },
): Promise<Pick<PublishPlan, "bytesNeeded" | "bytesFree">> {
  const { files, disk } = store.platform;
  const active = base?.record?.files.map(({ path }) => join(store.paths.folder, ...path.split("/"))) ?? (base ? [base.path] : []);
  const model = source.kind === "copy" ? [source.source] : active;
  let bytesNeeded = source.kind === "folder" ? await bytesToTake(store, source.source, { basename }) : 0;
  for (const path of source.kind === "folder" ? [] : model) bytesNeeded += (await files.stat(path))?.bytes ?? 0;
  const exists = (await files.stat(store.paths.own)) !== undefined;
  return { bytesNeeded, bytesFree: exists ? await disk.freeBytes(store.paths.own) : bytesNeeded };
}

function removeStep(subject: string): PlanStep {
  return {
    action: "remove",
    subject,
    reason: 'space = "2x": the build has its room; until the next switch there is nothing to go back to',
  };
}

function copyStep({ path, release, version }: BuildBase): PlanStep {
  const until = "nothing else may become active until it is committed";
  return { action: "copy", subject: path, reason: `the build begins with ${release}, version ${version}; ${until}` };
}

function whatIsReplaced(previous: Rel | undefined): string {
  return previous
    ? `replaces the inactive slot: ${previous.release} can no longer be gone back to`
    : "replaces the inactive slot";
}

async function describeSource(store: ReleaseStore, source: PlannedSource): Promise<string> {
  switch (source.kind) {
    case "command":
      return `runs ${source.argv.join(" ").slice(0, 200)}`;
    case "sql": {
      const names = (await readSqlFiles(store.platform, source)).map(({ path }) => path);
      return `runs ${names.length === 1 ? "the SQL file" : `${names.length} SQL files:`} ${names.join(", ").slice(0, 500)}`;
    }
    case "function":
      return "runs the build function";
    case "copy":
      return `copies ${source.source}`;
    case "folder":
      return `copies the artifacts' files in ${source.source}`;
    case "detached":
      return "written by other processes, until its commit";
  }
}
