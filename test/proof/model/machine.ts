import type { Platform } from "../../../src/platform/port.ts";
import type { ModelDisk } from "./disk.ts";
import { modelFiles, type ModelFile } from "./files.ts";
import { modelLocks } from "./locks.ts";
import type { Seed } from "../seed.ts";

/** A file operation that a modelled process is about to do. */
export interface Step {
  readonly process: ModelProcess;
  /** The method of the port: `rename`, `write`, `syncFolder`, … */
  readonly operation: string;
  readonly path: string;
}

/** What a machine's steps wait for: a scheduler's word. What it throws, the operation throws, with nothing done. */
export type Gate = (step: Step) => Promise<void> | void;

/** Resolves when `ms` have passed for a process, or when the signal aborts. */
export type Sleep = (process: ModelProcess, ms: number, signal?: AbortSignal) => Promise<void>;

/** One machine: a disk, a clock, and the processes since its last boot. */
export class Machine {
  readonly disk: ModelDisk;
  readonly seed: Seed;
  /** Asked before every file operation. */
  gate: Gate = () => {};
  /** How time passes for a process that waits; without it waiting takes no time but moves the clock. */
  sleep: Sleep = async (_process, ms) => this.pass(ms);
  /** What a file operation takes. */
  stepMs = 0.1;
  steps = 0;
  /** Names this boot. A machine that goes on with a disk after a power cut has another. */
  bootId = "model";
  #elapsedMs = 0;
  #processes = 0;

  constructor(disk: ModelDisk, seed: Seed) {
    this.disk = disk;
    this.seed = seed;
  }

  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** Moves the clock. The file system's own has ticks of 4 ms, as a kernel's with 250 Hz. */
  pass(ms: number): void {
    const before = Math.floor(this.#elapsedMs / 4);
    this.#elapsedMs += ms;
    this.disk.nowNs += BigInt(Math.floor(this.#elapsedMs / 4) - before) * 4_000_000n;
  }

  start(name: string): ModelProcess {
    this.#processes += 1;
    return new ModelProcess(this, name, this.#processes);
  }
}

/** A process on a machine: a platform of its own, whose descriptors and locks go with it. */
export class ModelProcess {
  readonly machine: Machine;
  readonly name: string;
  readonly pid: number;
  /** May be wrapped by who looks on. */
  platform: Platform;
  readonly open = new Set<ModelFile>();
  /** Kills the process before the first operation that it says yes to. */
  diesBefore: (operation: string, path: string) => boolean = () => false;
  #dead = false;
  readonly #onDeath: (() => void)[] = [];

  constructor(machine: Machine, name: string, pid: number) {
    this.machine = machine;
    this.name = name;
    this.pid = pid;
    this.platform = platformOf(this);
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** SIGKILL: what it is about to do never happens, and its descriptors close. */
  kill(): void {
    this.#dead = true;
    for (const file of this.open) file.drop();
    for (const tell of this.#onDeath.splice(0)) tell();
  }

  /** Resolves when the process was killed. */
  death(): Promise<void> {
    return this.#dead ? Promise.resolve() : new Promise((resolve) => this.#onDeath.push(resolve));
  }

  /** Passes the gate before a file operation; never returns in a process that was killed. */
  async step(operation: string, path: string): Promise<void> {
    const { machine } = this;
    machine.steps += 1;
    machine.pass(machine.stepMs);
    await machine.gate({ process: this, operation, path });
    if (this.diesBefore(operation, path)) this.kill();
    await this.alive();
  }

  /** A killed process goes no further: whoever awaits this waits for ever. */
  async alive(): Promise<void> {
    if (this.#dead) await new Promise<never>(() => {});
  }
}

function platformOf(process: ModelProcess): Platform {
  const { machine } = process;
  return {
    files: modelFiles(process),
    locks: modelLocks,
    processes: {
      self: () => ({
        pid: process.pid,
        host: "model",
        bootId: machine.bootId,
        startedAt: new Date(Number(machine.disk.nowNs / 1_000_000n)).toISOString(),
        command: process.name,
      }),
      run: () => Promise.reject(new Error("the modelled machine runs no commands")),
    },
    disk: {
      freeBytes: () => Promise.resolve(1e12),
      kind: () => Promise.resolve({ name: "model", network: false }),
    },
    clock: {
      now: () => new Date(Number(machine.disk.nowNs / 1_000_000n)),
      monotonicMs: () => machine.elapsedMs,
      uptimeMs: () => machine.elapsedMs,
      async wait(ms, { signal } = {}) {
        if (signal?.aborted) throw signal.reason;
        await machine.sleep(process, ms, signal);
        await process.alive();
        if (signal?.aborted) throw signal.reason;
      },
      every: () => () => {},
    },
    random: (count) => machine.seed.hex(count),
    failpoint: () => Promise.resolve(),
  };
}
