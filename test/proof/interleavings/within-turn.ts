import { takePin } from "../../../src/reader/pin.ts";
import { storePaths } from "../../../src/model/layout.ts";
import type { Platform } from "../../../src/platform/port.ts";
import { storeFolder } from "../crashes/place.ts";
import type { ModelDisk } from "../model/disk.ts";
import { Machine, type ModelProcess } from "../model/machine.ts";
import { Seed } from "../seed.ts";
import { ask, openStore, type Reading } from "./actors.ts";
import type { Choose } from "./explore.ts";
import { Monitor } from "./monitor.ts";
import { Scheduler } from "./scheduler.ts";
import { prepared, type Stage } from "./stage.ts";
import { Ghost, record, type Trace } from "./trace.ts";

const paths = storePaths(storeFolder);

/** A reader, and a writer whose changes may come in at any of its calls, those included that it makes in one go. */
export interface WithinTurn {
  readonly name: string;
  readonly prepare: (process: ModelProcess) => Promise<void>;
  /** What the writer does. */
  readonly write: (process: ModelProcess) => Promise<unknown>;
  /** False for another program's store. Default true. */
  readonly own?: boolean;
  readonly freshness?: Reading["freshness"];
  /** `rest` does whatever the writer has left to do. */
  readonly read: (reading: Reading, rest: () => void) => Promise<void>;
}

/**
 * As explorers run it: before each call of the reader to its platform the writer, whose changes were recorded beforehand, may come in with any number of them. A
 * scheduler that steps processes cannot do that where a process makes two calls without waiting in between; real processes can.
 */
export async function withinTurnRunner(scenario: WithinTurn, stepMs: number): Promise<(choose: Choose) => Promise<void>> {
  const disk = await prepared(scenario);
  const trace = await recorded(scenario, disk);
  return async (choose) => {
    const machine = new Machine(disk.clone(), new Seed(7));
    machine.stepMs = stepMs;
    const process = machine.start("reader");
    const own = scenario.own ?? true;
    const monitor = new Monitor(machine, { rising: own });
    const writer = new Replay(machine, trace, monitor);
    const moment = (): void => writer.comeIn(choose);
    process.platform = interrupted(process.platform, moment);
    const watch = {
      before(): void {
        moment();
      },
      look: () => monitor.look(),
    };
    const stage: Stage = { machine, monitor };
    const reading: Reading = { stage: () => stage, process, requests: 1, own, freshness: scenario.freshness ?? "strict" };
    const run = (): Promise<void> => scenario.read(reading, () => writer.rest());
    // The reader is alone: all that the scheduler does is to let time pass.
    await new Scheduler(machine, { choose: () => 0, watch, visible: () => false }).run([{ process, run }]);
  };
}

async function recorded({ write }: WithinTurn, disk: ModelDisk): Promise<Trace> {
  const process = new Machine(disk.clone(), new Seed(5)).start("writer");
  return record(process, () => write(process));
}

/** A recorded writer, as far as it got. */
class Replay {
  readonly #trace: Trace;
  readonly #monitor: Monitor;
  readonly #machine: Machine;
  readonly #ghost: Ghost;
  #next = 0;

  constructor(machine: Machine, trace: Trace, monitor: Monitor) {
    this.#machine = machine;
    this.#trace = trace;
    this.#monitor = monitor;
    this.#ghost = new Ghost(machine.start("writer"));
  }

  /** Does as many parts as the chooser says. */
  comeIn(choose: Choose): void {
    const left = this.#trace.length - this.#next;
    if (left === 0) return;
    const count = choose([0, ...this.#trace.slice(this.#next).map(() => 1)]);
    for (let part = 0; part < count; part += 1) this.#doNext();
  }

  rest(): void {
    while (this.#next < this.#trace.length) this.#doNext();
  }

  #doNext(): void {
    this.#machine.pass(this.#machine.stepMs);
    for (const { again } of this.#trace[this.#next] ?? []) again(this.#ghost);
    this.#next += 1;
    this.#monitor.look();
  }
}

/** Calls that a process makes without waiting for anything. */
function interrupted(platform: Platform, moment: () => void): Platform {
  const { files, locks } = platform;
  return {
    ...platform,
    files: {
      ...files,
      statNow(path) {
        moment();
        return files.statNow(path);
      },
      readNow(path, bytesMax) {
        moment();
        return files.readNow(path, bytesMax);
      },
      resolve(path) {
        moment();
        return files.resolve(path);
      },
    },
    locks: {
      ...locks,
      tryLock(file, mode) {
        moment();
        return locks.tryLock(file, mode);
      },
    },
  };
}

/** Opens a reader, asks, lets the writer finish, and asks once more: then the newest release must be there. */
export async function readTwice(reading: Reading, rest: () => void): Promise<void> {
  const reader = await openStore(reading);
  await ask(reader, reading, reading.stage());
  rest();
  await ask(reader, reading, reading.stage());
  await reader.close();
}

/** Takes the pin of a release that is being pruned: what is pinned stays, whatever the writer does afterwards. */
export async function pinOnce({ process, stage }: Reading, rest: () => void): Promise<void> {
  const attempt = await takePin(process.platform, paths.pin("r000001"));
  if (attempt.kind === "impossible") throw new Error(attempt.reason);
  if (attempt.kind === "missing") return;
  stage().monitor.assertPinned(process, "r000001");
  rest();
  stage().monitor.assertPinned(process, "r000001");
  await attempt.pin.release();
}
