import type { Lease } from "../../model/lease.ts";
import type { BuildResult } from "../../model/results.ts";
import type { BuildFolder } from "../build/folder.ts";
import type { ReleaseStore } from "../store.ts";
import { expiresAt } from "./lease-file.ts";

/** A detached build and what its environment is. */
export interface OpenBuild {
  readonly folder: Pick<BuildFolder, "folder" | "path">;
  readonly lease: Omit<Lease, "formatVersion">;
  readonly remainingMs: number;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** What begin and renew tell of a build. Variables that have no value are left out. */
export function resultOf(store: ReleaseStore, { folder, lease, remainingMs, variables }: OpenBuild): BuildResult {
  const { build, base, leaseMs, started } = lease;
  const environment = Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return {
    build,
    store: store.name,
    path: folder.path,
    dir: folder.folder,
    ...(base && { base: { release: base.release, version: base.version } }),
    startedAt: started.at,
    leaseMs,
    expiresAt: expiresAt(store, remainingMs),
    environment: { ...Object.fromEntries(environment), LOCKKEEPER_BUILD: build },
  };
}
