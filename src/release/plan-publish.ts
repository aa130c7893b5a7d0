import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { PlanStep, PublishPlan, Rel } from "../model/plan.ts";
import { basenameOf } from "./basename.ts";
import type { BuildBase } from "./build/run.ts";
import { currentRel, layoutOf, nextReleaseId, type StoreState } from "./state.ts";
import type { BuildSource, ReleaseStore } from "./store.ts";

/** The active release as a build's base, or `undefined` for the first one. */
export async function baseOf(store: ReleaseStore, state: StoreState): Promise<BuildBase | undefined> {
  const { current } = state;
  const rel = currentRel(current);
  if (!current || !rel) return undefined;
  const basename = current.manifest.own?.basename ?? (await basenameOf(store, current));
  return { ...rel, path: layoutOf(store).dataFile(store, current.manifest.active, basename) };
}

/** What a publish would do, as things stand now. Changes nothing. */
export async function planPublish(store: ReleaseStore, source: BuildSource, state: StoreState): Promise<PublishPlan> {
  const base = await baseOf(store, state);
  const target = await layoutOf(store).target(store, state.current, await nextReleaseId(store, state));
  const replaced = await store.platform.files.stat(target.path);
  const previous = state.current?.manifest.own?.previous;
  const configured = store.checks.length;
  const steps: PlanStep[] = [
    { action: "build", subject: store.paths.builds, reason: describeSource(source) },
    {
      action: "check",
      subject: store.name,
      reason: `opens as a reader opens it, storage version, views, and ${configured} configured`,
    },
    {
      action: "install",
      subject: target.path,
      reason: replaced ? whatIsReplaced(previous) : "the slot is free",
    },
    {
      action: "switch",
      subject: store.paths.manifest,
      reason: base ? `from ${base.release}, version ${base.version}` : "the first release",
    },
  ];
  const rel = base && { release: base.release, version: base.version };
  return { store: store.name, ...(rel && { base: rel }), target: target.path, ...(await space(store, source, base)), steps };
}

/** Throws `DISK_FULL` when the plan needs more than there is. The need is an estimate: as much as the active release, or the file to copy. */
export function assertSpace(store: ReleaseStore, plan: Pick<PublishPlan, "bytesNeeded" | "bytesFree">): void {
  if (plan.bytesFree >= plan.bytesNeeded) return;
  throw new LockkeeperError(
    "DISK_FULL",
    `a build of ${store.name} needs about ${plan.bytesNeeded} bytes; ${plan.bytesFree} are free`,
    {
      hint: "A store of two slots needs three times its size on disk during a build. Free some space and try again.",
      subject: store.paths.folder,
    },
  );
}

async function space(
  store: ReleaseStore,
  source: BuildSource,
  base: BuildBase | undefined,
): Promise<Pick<PublishPlan, "bytesNeeded" | "bytesFree">> {
  const { files, disk } = store.platform;
  const model = source.kind === "copy" ? source.source : base?.path;
  const bytesNeeded = model === undefined ? 0 : ((await files.stat(model))?.bytes ?? 0);
  const exists = (await files.stat(store.paths.own)) !== undefined;
  return { bytesNeeded, bytesFree: exists ? await disk.freeBytes(store.paths.own) : bytesNeeded };
}

function whatIsReplaced(previous: Rel | undefined): string {
  return previous
    ? `replaces the inactive slot: ${previous.release} can no longer be gone back to`
    : "replaces the inactive slot";
}

function describeSource(source: BuildSource): string {
  switch (source.kind) {
    case "command":
      return `runs ${source.argv.join(" ").slice(0, 200)}`;
    case "function":
      return "runs the build function";
    case "copy":
      return `copies ${source.source}`;
  }
}
