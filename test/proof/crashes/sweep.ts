import { ModelDisk } from "../model/disk.ts";
import { Machine } from "../model/machine.ts";
import { Onlooker } from "../model/onlooker.ts";
import { diskAfterCut, isExhaustive, newCuts, type CutBounds, type PowerCut } from "../model/power-cut.ts";
import { Seed } from "../seed.ts";
import { auditLines, auditStore, type ActiveRelease } from "./audit.ts";
import { Damage } from "./place.ts";
import { recover } from "./recover.ts";
import type { Scenario } from "./scenarios.ts";

/** What a sweep did. */
export interface SweepReport {
  /** File operations of the operation. */
  steps: number;
  /** Moments between two of them that changed the disk: at each the process died, and the power was cut. */
  moments: number;
  /** Moments at which every legal outcome of a power cut was looked at. */
  exhaustive: number;
  /** Different disks that power cuts left, each audited. */
  images: number;
  /** Disks on which the next commands were run. */
  recoveries: number;
  /** Different disks left by a second power cut, during recovery. */
  secondImages: number;
}

/** How far a sweep goes. */
export interface SweepBounds {
  readonly seed: number;
  readonly exhaustiveMax: number;
  readonly samples: number;
  /** The same for each second cut: there are as many of these as moments times moments. */
  readonly second: Pick<CutBounds, "exhaustiveMax" | "samples">;
  /** Of the moments at which the process died, one in so many meets a second cut while the next one recovers. */
  readonly secondMomentEvery: number;
  /** Of the disks that a second cut leaves, one in so many is recovered once more. */
  readonly secondRecoveryEvery: number;
  /** Of the disks that the first cut leaves, one in so many meets a second cut while it is recovered. */
  readonly secondCutEvery: number;
}

/**
 * Runs an operation once and, before each of its file operations and after the last, looks at every disk that a power cut would leave and at the
 * one that a killed process leaves; recovers each, and cuts the power during recoveries, too. Throws `Damage` with what was done to
 * get there.
 */
export async function sweep(scenario: Scenario, bounds: SweepBounds): Promise<SweepReport> {
  const random = new Seed(bounds.seed);
  const cutBounds: CutBounds = { ...bounds, random: (below) => random.below(below) };
  const start = await prepared(scenario, bounds.seed);
  const before = auditStore(start);
  const report: SweepReport = { steps: 0, moments: 0, exhaustive: 0, images: 0, recoveries: 0, secondImages: 0 };
  const seen = new Set<string>();
  const machine = new Machine(start.clone(), new Seed(bounds.seed));
  let acknowledged = false;
  const secondBounds = { ...cutBounds, ...bounds.second };
  const again = (disk: ModelDisk): Onlooker => {
    const was = acknowledged;
    const legal = (found: ActiveRelease | undefined): void => assertLegal({ found, before, scenario, acknowledged: was });
    const legalPins = (found: ActiveRelease | undefined): void => assertPins({ found, before, scenario, acknowledged: was });
    return secondCuts(disk, {
      bounds,
      cutBounds: secondBounds,
      report,
      seen,
      legal,
      legalPins,
      acknowledged: was,
      recoverAgain: (after) => recover(after, scenario),
    });
  };
  const also = async (disk: ModelDisk, rebooted: boolean): Promise<void> =>
    scenario.alsoOn?.({ disk: disk.clone(), start, live: machine.disk, acknowledged, failing: false, rebooted });
  let lookedAt = -1;
  const look = async (where: string): Promise<void> => {
    report.steps += 1;
    if (machine.disk.revision === lookedAt) return;
    lookedAt = machine.disk.revision;
    report.moments += 1;
    const place = `${scenario.name}, ${where} (step ${report.steps}, seed ${bounds.seed})`;
    const legal = (found: ActiveRelease | undefined): void => assertLegal({ found, before, scenario, acknowledged });
    if (isExhaustive(machine.disk, cutBounds)) report.exhaustive += 1;
    for (const { cut, image } of newCuts(machine.disk, cutBounds, { seen, under: `first ${acknowledged}` })) {
      report.images += 1;
      await naming(`power cut at ${place}`, image, async () => {
        const disk = diskAfterCut(machine.disk, cut);
        legal(auditStore(disk));
        auditLines(disk);
        await also(disk, true);
        await recover(disk, scenario, report.images % bounds.secondCutEvery === 0 ? again(disk) : undefined);
        report.recoveries += 1;
      });
    }
    await naming(`killed at ${place}`, "", async () => {
      const disk = machine.disk.clone();
      legal(auditStore(disk));
      await also(disk, false);
      await recover(disk, scenario, report.moments % bounds.secondMomentEvery === 0 ? again(disk) : undefined);
      report.recoveries += 1;
    });
  };
  const onlooker = new Onlooker(({ operation, path }) => look(`before ${operation} ${path}`));
  machine.gate = onlooker.gate;
  await scenario.run(machine.start("operation")).finally(() => onlooker.rethrow());
  machine.gate = () => {};
  acknowledged = true;
  lookedAt = -1;
  await look("at its end");
  return report;
}

/** The disk that a scenario starts from, durable. */
export async function prepared(scenario: Scenario, seed: number): Promise<ModelDisk> {
  const disk = new ModelDisk();
  disk.make("/data", "folder");
  const machine = new Machine(disk, new Seed(seed + 1));
  await scenario.prepare(machine.start("before"));
  disk.syncAll();
  return disk.clone();
}

/** What lies on a disk, and what may. */
interface Found {
  readonly found: ActiveRelease | undefined;
  readonly before: ActiveRelease | undefined;
  readonly scenario: Scenario;
  readonly acknowledged: boolean;
}

/**
 * Throws `Damage` unless a store has the release from before the operation or the one from after it; once acknowledged, the latter. The same for operators'
 * pins.
 */
export function assertLegal(state: Found): void {
  assertPins(state);
  const { found, before, scenario, acknowledged } = state;
  const isAfter = found?.tag === scenario.after;
  const isMeanwhile = scenario.meanwhile !== undefined && found?.tag === scenario.meanwhile;
  const isBefore = isMeanwhile || (found?.tag === before?.tag && found?.version === before?.version);
  if (isAfter || (isBefore && !acknowledged)) return;
  throw new Damage(`${acknowledged ? "after success" : "meanwhile"}, "${found?.tag}" is active as version ${found?.version}`);
}

function assertPins({ found, before, scenario, acknowledged }: Found): void {
  if (!found) return;
  const isAs = (pinned: readonly string[] = []): boolean => pinned.join() === found.pinned.join();
  if (isAs(scenario.pinned ?? before?.pinned) || (isAs(before?.pinned) && !acknowledged)) return;
  throw new Damage(
    `${acknowledged ? "after success" : "meanwhile"}, an operator's pin is on ${found.pinned.join(", ") || "nothing"}`,
  );
}

interface SecondCuts {
  readonly bounds: SweepBounds;
  readonly cutBounds: CutBounds;
  readonly report: SweepReport;
  readonly seen: Set<string>;
  /** Whether the operation had succeeded before the first cut. */
  readonly acknowledged: boolean;
  /** Throws for what the operation that died may not have left either. */
  readonly legal: (found: ActiveRelease | undefined) => void;
  /** The same for operators' pins, which no recovery changes. */
  readonly legalPins: (found: ActiveRelease | undefined) => void;
  readonly recoverAgain: (disk: ModelDisk) => Promise<void>;
}

/**
 * Cuts the power at each step of a recovery: the operation that died may still be undone where it was not acknowledged, or the recovery's own release is out;
 * after its end only that.
 */
function secondCuts(disk: ModelDisk, cuts: SecondCuts): Onlooker {
  const { bounds, cutBounds, report, seen, acknowledged } = cuts;
  // Asked for only when the recovery's publish begins: where the crash left another program's manifest, it adopts first.
  let before: ActiveRelease | undefined;
  let lookedAt = -1;
  return new Onlooker(async ({ operation, path }) => {
    const ended = operation === "end";
    if (lookedAt < 0) before = auditStore(disk);
    if (disk.revision === lookedAt && !ended) return;
    lookedAt = disk.revision;
    const examine = async (cut: PowerCut): Promise<void> => {
      const after = diskAfterCut(disk, cut);
      const found = auditStore(after);
      auditLines(after);
      if (ended && found?.tag !== "next") throw new Damage(`"${found?.tag}" is active after the recovery's success`);
      if (found?.tag !== "next" && found?.version !== before?.version) cuts.legal(found);
      cuts.legalPins(found);
      if (report.secondImages % bounds.secondRecoveryEvery !== 0) return;
      await cuts.recoverAgain(after);
      report.recoveries += 1;
    };
    const under = `second ${ended} ${acknowledged} ${before?.tag} ${before?.version}`;
    for (const { cut, image } of newCuts(disk, cutBounds, { seen, under })) {
      report.secondImages += 1;
      await naming(`second power cut, before ${operation} ${path} of the recovery`, image, () => examine(cut));
    }
  });
}

/** Runs a look at a disk so that what it throws tells what was done to the disk, and what lies on it. */
export async function naming<T>(what: string, image: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof Damage && error.message.includes("\n")) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new Damage(`${text}\n  ${what}\n${image}`, { cause: error });
  }
}
