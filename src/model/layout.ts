import { join } from "node:path";

/** How releases lie on disk. */
export type LayoutKind = "slots" | "releases";

/** The two file names of the `slots` layout. */
export type Slot = "a" | "b";

/** The other slot. */
export function otherSlot(slot: Slot): Slot {
  return slot === "a" ? "b" : "a";
}

/** Whether a manifest's `active` names a slot. */
export function isSlot(value: unknown): value is Slot {
  return value === "a" || value === "b";
}

/** The layout of the release that a manifest calls `active`: a slot, or a release id. */
export function layoutOfActive(active: string): LayoutKind {
  return isSlot(active) ? "slots" : "releases";
}

/** Stem of a slot's file: `holdings_a`. Also the second name it is attached under. */
export function slotStem(basename: string, slot: Slot): string {
  return `${basename}_${slot}`;
}

/** Stems of the slot files among `names`, sorted, each once: `["holdings_a.duckdb"]` has `["holdings"]`. */
export function slotStems(names: readonly string[]): string[] {
  const stems = names.flatMap((name) => /^(.+)_[ab]\.duckdb$/.exec(name)?.[1] ?? []);
  return [...new Set(stems)].toSorted();
}

/** Every path of a release store, from its folder. Nothing else spells these names. */
export function storePaths(folder: string) {
  const own = join(folder, ".lockkeeper");
  const releases = join(folder, "releases");
  return {
    folder,
    own,
    manifest: join(folder, "db_manifest.json"),
    writerLock: join(folder, ".writer.lock"),
    buildLock: join(own, "build.lock"),
    records: join(own, "records"),
    record: (release: string, layout: LayoutKind) => join(folder, recordReference(release, layout)),
    releases,
    release: (release: string) => join(releases, release),
    pins: join(own, "pins"),
    pin: (release: string) => join(own, "pins", `${release}.pin`),
    mark: (release: string) => join(own, "pins", `${release}.json`),
    builds: join(own, "builds"),
    build: (build: string) => join(own, "builds", build),
    lease: (build: string) => join(own, "builds", build, "lease.json"),
    quarantine: join(own, "quarantine"),
    trash: join(own, "trash"),
    history: join(own, "history.jsonl"),
    webhooks: join(own, "webhooks"),
    webhooksLock: join(own, "webhooks", "deliver.lock"),
    slot: (basename: string, slot: Slot) => join(folder, `${slotStem(basename, slot)}.duckdb`),
  };
}

/** What `storePaths` returns. */
export type StorePaths = ReturnType<typeof storePaths>;

/** A record's path as the manifest names it: relative to the store's folder, with `/`. */
export function recordReference(release: string, layout: LayoutKind): string {
  return layout === "slots" ? `.lockkeeper/records/${release}.json` : `releases/${release}/release.json`;
}

/**
 * The DuckDB file of the release that a manifest calls `active`: relative to the store's folder, with `/`. A store that was converted from `slots` has
 * releases of either kind.
 */
export function dataFileReference(basename: string, active: string): string {
  return isSlot(active) ? `${slotStem(basename, active)}.duckdb` : `releases/${active}/${basename}.duckdb`;
}

/** Names under which that file is attached, first the one that its own views use. */
export function catalogueNames(basename: string, active: string): [string, ...string[]] {
  return isSlot(active) ? [basename, slotStem(basename, active)] : [basename];
}
