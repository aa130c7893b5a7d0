import type { BuildResult } from "../../model/results.ts";
import { baseOf } from "../build/base.ts";
import { buildEnvironment } from "../build/environment.ts";
import { readState } from "../state.ts";
import type { OperationOptions, ReleaseStore } from "../store.ts";
import { namingErrors } from "../system-errors.ts";
import { assertLeaseMs } from "./begin.ts";
import { claimBuild } from "./claim.ts";
import { writeLease } from "./lease-file.ts";
import { resultOf } from "./result.ts";

/** How a lease is renewed. */
export interface RenewOptions extends OperationOptions {
  /** A new length, 1 s to 366 days, in milliseconds. Default: as it was. */
  readonly leaseMs?: number | undefined;
}

/**
 * Lets a detached build's lease begin anew, also one that has expired, while its folder is there. Throws `BUILD_UNKNOWN`, `BUILD_LOCKED`, `LEASE_INVALID`,
 * `USAGE` for a length that cannot be.
 */
export async function renewBuild(store: ReleaseStore, id: string, options: RenewOptions = {}): Promise<BuildResult> {
  assertLeaseMs(options.leaseMs);
  return namingErrors(store, async () => {
    const build = await claimBuild(store, id, { ...options, purpose: "renew" });
    try {
      const found = build.lease();
      const lease = await writeLease(store, { ...found, leaseMs: options.leaseMs ?? found.leaseMs });
      // What is active now, to look at: what was active at the beginning may be gone.
      const active = await baseOf(store, await readState(store));
      const variables = buildEnvironment(store, { folder: build, base: active });
      return resultOf(store, { folder: build, lease, remainingMs: lease.leaseMs, variables });
    } finally {
      await build.unlock();
    }
  });
}
