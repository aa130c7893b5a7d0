import { afterAll } from "vitest";
import { proofLedger } from "../../ledger.ts";
import type { ManifestGroup, ManifestShape } from "../shapes/manifest-shape.ts";
import { manifestShapes } from "../shapes/manifests.ts";

const faults: Readonly<Record<ManifestGroup, string>> = {
  text: "the manifest is missing, is not one JSON object, is too large, or is no regular file",
  field: "`active`, `version` or `formatVersion` is missing, malformed, out of bounds or a way out of the folder",
  names: "a basename, a record or a slot that is a way out of the folder, is missing, or is not what the manifest says",
  legal: "written or edited by another program; odd, but legal",
};

/**
 * Counts the cases that have passed, by what is wrong with them, for the page: one row a group, written when every shape of the group has passed.
 */
export function manifestLedger(part: string, operation: string, outcomes: Readonly<Record<ManifestGroup, string>>) {
  const ledger = proofLedger("manifests", part);
  const counts = new Map<ManifestShape, number>();
  afterAll(() => {
    for (const group of Object.keys(faults) as ManifestGroup[]) {
      const shapes = manifestShapes.filter((shape) => shape.group === group);
      const count = shapes.reduce((sum, shape) => sum + (counts.get(shape) ?? NaN), 0);
      if (count > 0) ledger.add({ operation, fault: faults[group], outcome: outcomes[group], count });
    }
  });
  return {
    ledger,
    passed(shape: ManifestShape, count: number): void {
      counts.set(shape, count);
    },
  };
}
