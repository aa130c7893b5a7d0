import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lease } from "../../../src/model/lease.ts";
import type { BuildResult } from "../../../src/model/results.ts";
import type { ProgressEvent, ReleaseStore } from "../../../src/release/store.ts";
import { writeDatabase } from "../../support/store.ts";

/** What a test says of the machine; the rest is as it is. */
export interface MachineState {
  readonly bootId?: string;
  /** Added to the uptime of now. */
  readonly laterMs?: number;
  /** The wall clock's time. */
  readonly now?: string;
}

/** The store on this machine at another time, or after another boot. */
export function onMachine(store: ReleaseStore, { bootId, laterMs = 0, now }: MachineState): ReleaseStore {
  const { clock, processes } = store.platform;
  const self = { ...processes.self(), ...(bootId !== undefined && { bootId }) };
  const moved = {
    ...clock,
    uptimeMs: () => clock.uptimeMs() + laterMs,
    ...(now !== undefined && { now: () => new Date(now) }),
  };
  return { ...store, platform: { ...store.platform, clock: moved, processes: { ...processes, self: () => self } } };
}

/** Writes what a detached build is to publish: a table `t` with the numbers 1 to `rows`. */
export async function writeRows({ path }: Pick<BuildResult, "path">, rows: number): Promise<void> {
  await writeDatabase(path, `CREATE TABLE t AS SELECT range + 1 AS n FROM range(${rows})`);
}

/** The lease of a build as it lies on disk. */
export function leaseOnDisk({ dir }: Pick<BuildResult, "dir">): Lease {
  return JSON.parse(readFileSync(join(dir, "lease.json"), "utf8")) as Lease;
}

/** Writes a lease as it is given. */
export function writeLeaseFile({ dir }: Pick<BuildResult, "dir">, content: string | Buffer): void {
  writeFileSync(join(dir, "lease.json"), content);
}

/** Takes what an operation tells of its cleaning and what it warns of. */
export function listener(): { readonly told: string[]; readonly onProgress: (event: ProgressEvent) => void } {
  const told: string[] = [];
  return {
    told,
    onProgress: (event) => void ((event.kind === "cleaned" || event.kind === "warning") && told.push(event.detail)),
  };
}
