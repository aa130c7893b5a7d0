import { randomBytes } from "node:crypto";
import { nodeClock } from "./clock.ts";
import { nodeDisk } from "./disk.ts";
import { failpointsFrom } from "./failpoint.ts";
import { nodeFileSystem } from "./file-system.ts";
import { nodeKernelLocks } from "./kernel-locks.ts";
import type { Platform } from "./port.ts";
import { nodeProcesses } from "./process.ts";

/** The platform this process runs on. Failpoints are armed by `LOCKKEEPER_FAILPOINTS` (see CONTRIBUTING). */
export function nodePlatform(): Platform {
  return {
    files: nodeFileSystem,
    locks: nodeKernelLocks,
    processes: nodeProcesses,
    disk: nodeDisk,
    clock: nodeClock,
    random: (count) => randomBytes(count).toString("hex"),
    failpoint: failpointsFrom(process.env["LOCKKEEPER_FAILPOINTS"]),
  };
}
