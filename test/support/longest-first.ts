import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * The files that take longest, longest first: begun early, they do not leave one core idle at the end. vitest itself knows durations only of earlier runs
 * in the same folder, and a clean checkout has none; it would go by the size of files. The order alone counts, so it need not be exact.
 */
export const longest: readonly string[] = [
  "test/load/dbt.proof.ts",
  "test/proof/mutants/mutants.proof.ts",
  "test/proof/faults/syscalls.proof.ts",
  "test/proof/interleavings/interleavings.proof.ts",
  "test/proof/faults/kills.proof.ts",
  "test/proof/crashes/crashes.proof.ts",
  "test/proof/faults/port.proof.ts",
  "test/python/reader.proof.ts",
  "test/python/reader-mutants.proof.ts",
  "test/proof/crashes/failing-disk.proof.ts",
  "test/load/artifacts.proof.ts",
  "test/examples/superinvestors/demo.proof.ts",
  "test/demo/quick.proof.ts",
  "test/proof/faults/power-cuts.proof.ts",
  "test/dbt/killed.proof.ts",
  "test/proof/crashes/crashes-releases.proof.ts",
  "test/proof/input/manifest-commands.proof.ts",
  "test/proof/input/command-line.proof.ts",
  "test/proof/soak/soak.proof.ts",
  "test/dbt/outcomes.proof.ts",
  "test/proof/signals/phases.proof.ts",
  "test/proof/containers/topology.proof.ts",
  "test/release/migration.proof.ts",
  "test/package/install.proof.ts",
  "test/dbt/migration.proof.ts",
  "test/dbt/changes.proof.ts",
  "test/load/releases.proof.ts",
  "test/load/server.proof.ts",
  "test/dbt/project.proof.ts",
  "test/examples/marts-dbt/readme.proof.ts",
];

/** Starts the known long files first, the others as vitest would. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ moduleId }: TestSpecification): number => {
      const rank = longest.indexOf(relative(this.ctx.config.root, moduleId).replaceAll("\\", "/"));
      return rank < 0 ? longest.length : rank;
    };
    const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    // oxlint-disable-next-line unicorn/no-array-sort -- vitest's method, not an array's
    const sorted = await super.sort(files);
    return sorted.toSorted((left, right) => groupOf(left) - groupOf(right) || rankOf(left) - rankOf(right));
  }
}
