import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { systemError, type ModelDisk } from "../model/disk.ts";
import { Machine, type Gate } from "../model/machine.ts";
import { diskAfterCut, newCuts, type CutBounds } from "../model/power-cut.ts";
import { Seed } from "../seed.ts";
import { auditLines, auditStore } from "./audit.ts";
import { recover } from "./recover.ts";
import type { Scenario } from "./scenarios.ts";
import { assertLegal, naming, prepared } from "./sweep.ts";

/** How a disk fails: which operations, with what, and whether for once or from then on. */
export interface Failure {
  readonly name: string;
  readonly code: string;
  readonly operations: RegExp;
  readonly lasting: boolean;
}

/** What a sweep of failures did. */
export interface FailureReport {
  /** Runs of the operation, each with a failure at another of its file operations. */
  runs: number;
  /** Runs that ended with success all the same: what failed was beside the point. */
  succeeded: number;
  /** Different disks that a power cut after the failure left. */
  images: number;
}

/**
 * Lets the disk fail at each file operation that a failure is about. The operation must end with an error of ours or with success, and the store must be
 * what it said; then the power is cut, and on all that may be left the next commands work.
 */
export async function sweepFailures(
  scenario: Scenario,
  failure: Failure,
  bounds: { readonly seed: number } & Omit<CutBounds, "random">,
): Promise<FailureReport> {
  const random = new Seed(bounds.seed);
  const cutBounds: CutBounds = { ...bounds, random: (below) => random.below(below) };
  const start = await prepared(scenario, bounds.seed);
  const before = auditStore(start);
  const report: FailureReport = { runs: 0, succeeded: 0, images: 0 };
  const seen = new Set<string>();
  for (let at = 0; ; at += 1) {
    const machine = new Machine(start.clone(), new Seed(bounds.seed));
    const gate = failingGate(failure, at);
    machine.gate = gate.gate;
    const place = `${failure.name} at occurrence ${at} in ${scenario.name} (seed ${bounds.seed})`;
    const acknowledged = await naming(place, "", () => outcomeOf(scenario, machine));
    if (gate.failed() === 0) return report;
    report.runs += 1;
    if (acknowledged) report.succeeded += 1;
    const check = (disk: ModelDisk): void => {
      assertLegal({ found: auditStore(disk), before, scenario, acknowledged });
      auditLines(disk);
    };
    await naming(place, "", async () => check(machine.disk));
    for (const { cut, image } of newCuts(machine.disk, cutBounds, { seen, under: String(acknowledged) })) {
      report.images += 1;
      await naming(`power cut after ${place}`, image, async () => {
        const disk = diskAfterCut(machine.disk, cut);
        check(disk);
        await scenario.alsoOn?.({ disk: disk.clone(), start, live: machine.disk, acknowledged, failing: true, rebooted: true });
        await recover(disk, scenario);
      });
    }
  }
}

/** True for success; false for an error of ours that is no fault of ours. Throws anything else. */
async function outcomeOf(scenario: Scenario, machine: Machine): Promise<boolean> {
  try {
    await scenario.run(machine.start("operation"));
    return true;
  } catch (error) {
    if (isLockkeeperError(error) && error.code !== "BUG") return false;
    throw error;
  }
}

function failingGate({ code, operations, lasting }: Failure, at: number): { readonly gate: Gate; readonly failed: () => number } {
  let occurrences = 0;
  let failed = 0;
  return {
    failed: () => failed,
    gate({ operation, path }) {
      if (!operations.test(operation)) return;
      const due = lasting ? occurrences >= at : occurrences === at;
      occurrences += 1;
      if (!due) return;
      failed += 1;
      throw systemError(code, path);
    },
  };
}
