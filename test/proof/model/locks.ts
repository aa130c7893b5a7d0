import type { KernelLocks, OpenFile } from "../../../src/platform/port.ts";
import type { DiskNode } from "./node.ts";
import type { ModelFile } from "./files.ts";

const held = new WeakMap<DiskNode, Map<ModelFile, "shared" | "exclusive">>();

/** Open-file-description locks on the nodes of a modelled disk. Every `OpenFile` here is a descriptor of its own. */
export const modelLocks: KernelLocks = {
  tryLock(file: OpenFile, mode) {
    const own = file as ModelFile;
    if (mode === "exclusive" && !own.writable) throw Object.assign(new Error("EBADF"), { code: "EBADF" });
    const holders = holdersOf(own.node);
    const others = [...holders].filter(([holder]) => holder !== own);
    if (others.some(([, theirs]) => theirs === "exclusive" || mode === "exclusive")) return false;
    holders.set(own, mode);
    return true;
  },
  unlock(file: OpenFile) {
    holdersOf((file as ModelFile).node).delete(file as ModelFile);
  },
  count: () => Promise.resolve(undefined),
  holders: () => Promise.resolve(undefined),
};

/** Who holds locks on a node. */
export function holdersOf(node: DiskNode): Map<ModelFile, "shared" | "exclusive"> {
  const holders = held.get(node) ?? new Map<ModelFile, "shared" | "exclusive">();
  held.set(node, holders);
  return holders;
}
