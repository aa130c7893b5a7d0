import { openReleaseStore, type ReleaseStoreOptions } from "../../../src/release/open.ts";
import { publish } from "../../../src/release/publish.ts";
import type { ReleaseStore } from "../../../src/release/store.ts";
import { modelEngine, noSqlite, taggedBuild } from "../model/engine.ts";
import type { ModelProcess } from "../model/machine.ts";
import { keepLeast, storeFolder } from "./place.ts";

/** How a modelled store keeps its releases. */
export type StoreShape = Pick<ReleaseStoreOptions, "layout" | "retention" | "artifacts">;

/** Two slots. */
export const inSlots: StoreShape = { layout: "slots" };

/** A folder a release, of which every publish removes what is no longer among the newest. */
export const inReleases: StoreShape = { layout: "releases", retention: { keep: keepLeast } };

/** The same before anything was to go. */
export const keepingAll: StoreShape = { layout: "releases", retention: { keep: 9 } };

/** The same with two Parquet tables beside the database, of which one is the same in every release. */
export const ofSeveralFiles: StoreShape = { ...inReleases, artifacts: [{ kind: "duckdb" }, { kind: "parquet", path: "mart" }] };

/** The store of a modelled process. */
export function storeOf(process: ModelProcess, shape = inSlots): ReleaseStore {
  const options = { name: "holdings", dir: storeFolder, basename: "DB", quarantineKeep: 1, ...shape };
  // A build is refused by the length of its tag.
  const checks = [{ check: "rows", table: "t", max: 20, severity: "error" }] as const;
  return openReleaseStore({ ...options, checks }, { platform: process.platform, engine: modelEngine(process), sqlite: noSqlite });
}

/** A publish of a build with a tag. Throws unless it switches. */
export async function publishTag(process: ModelProcess, tag: string, shape = inSlots): Promise<void> {
  const { outcome } = await publish(storeOf(process, shape), taggedBuild(process, tag, otherFiles(tag, shape)));
  if (outcome !== "switched") throw new Error(`publish ended with ${outcome}`);
}

/** What a build writes beside its database. */
function otherFiles(tag: string, { artifacts }: StoreShape): Record<string, string> {
  return artifacts === undefined ? {} : { "mart/changing.parquet": tag, "mart/same.parquet": "same" };
}

/** Publishes one build after the other into a store of a shape. */
export function publishedIn(shape: StoreShape): (process: ModelProcess, ...tags: readonly string[]) => Promise<void> {
  return async (process, ...tags) => {
    for (const tag of tags) await publishTag(process, tag, shape);
  };
}
