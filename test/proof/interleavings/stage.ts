import { ModelDisk } from "../model/disk.ts";
import { Machine, type ModelProcess, type Step } from "../model/machine.ts";
import { Seed } from "../seed.ts";
import type { Choose } from "./explore.ts";
import { Monitor, type MonitorOptions } from "./monitor.ts";
import { Scheduler, type Task } from "./scheduler.ts";

/** Where processes meet: one machine, and who watches it. */
export interface Stage {
  readonly machine: Machine;
  readonly monitor: Monitor;
}

/** Who does what. */
export interface Cast {
  readonly tasks: readonly Task[];
  readonly monitor?: MonitorOptions;
  /** May be killed once, at any moment. */
  readonly victim?: ModelProcess;
  /** What must hold once all are through. */
  readonly after?: (stage: Stage) => Promise<void> | void;
}

/** Processes that meet on a store in some state. */
export interface Interleaving {
  readonly name: string;
  /** Brings an empty disk into the state in which they start. */
  readonly prepare: (process: ModelProcess) => Promise<void>;
  /** The processes and their tasks. `stage` is complete when the tasks begin. */
  readonly cast: (machine: Machine, stage: () => Stage) => Cast;
  readonly visible: (step: Step) => boolean;
}

/** An interleaving as explorers run it: each time anew, on a copy of the prepared disk. */
export async function runner(interleaving: Interleaving, stepMs: number): Promise<(choose: Choose) => Promise<void>> {
  const disk = await prepared(interleaving);
  return async (choose) => {
    const machine = new Machine(disk.clone(), new Seed(7));
    machine.stepMs = stepMs;
    const cast = interleaving.cast(machine, () => stage);
    const monitor = new Monitor(machine, cast.monitor);
    const stage: Stage = { machine, monitor };
    const { visible } = interleaving;
    const scheduler = new Scheduler(machine, { choose, watch: monitor, visible, victim: cast.victim });
    await scheduler.run(cast.tasks, () => cast.after?.(stage));
  };
}

/** The disk that processes find when they start; all of it is durable. */
export async function prepared({ prepare }: Pick<Interleaving, "prepare">): Promise<ModelDisk> {
  const disk = new ModelDisk();
  disk.make("/data", "folder");
  await prepare(new Machine(disk, new Seed(3)).start("before"));
  disk.syncAll();
  return disk.clone();
}
