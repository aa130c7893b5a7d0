import type { Machine, ModelProcess, Step } from "../model/machine.ts";
import type { Choose } from "./explore.ts";

/** What a modelled process does. It settles when the process is through; what it throws breaks the run. */
export interface Task {
  readonly process: ModelProcess;
  readonly run: () => Promise<void>;
}

/** Looks on while processes run. What it throws breaks the run. */
export interface Watch {
  /** A step is about to be done, by whoever was let on. */
  before(step: Step): void;
  /** Something may have changed. */
  look(): void;
}

/** How processes are stepped. */
export interface Rules {
  readonly choose: Choose;
  readonly watch: Watch;
  /** Whether others may come before a step. One that commutes with whatever they do needs no moment of its own. */
  readonly visible: (step: Step) => boolean;
  /** A process that may be killed once, at any moment, at the cost of an interference. */
  readonly victim?: ModelProcess | undefined;
}

interface Waiting {
  readonly process: ModelProcess;
  readonly what: string;
  readonly goOn: () => void;
}

interface Sleeping extends Waiting {
  readonly dueMs: number;
}

interface Option {
  readonly cost: 0 | 1;
  readonly what: string;
  readonly take: () => void;
}

/** Times are sums of fractions. */
const roundingMs = 0.001;

/** A process that could go on stalls for so long at most, less than any bound on waiting that a scenario sets. */
const stallMs = 1000;

/** More steps than any scenario takes. */
const stepsMax = 20_000;

/** So many of the last steps are told when a run breaks. */
const toldSteps = 60;

/**
 * Lets the processes of a machine go on one at a time. All of them wait at the machine's gate, or sleep, before one is let on: until its next visible step
 * nobody else does anything. Who goes on is the chooser's word: going on with the same process is free, and so is any other once that one cannot; to
 * take the turn away from it is an interference, and so is to let time pass while somebody could go on.
 */
export class Scheduler {
  readonly #machine: Machine;
  readonly #rules: Rules;
  readonly #told: string[] = [];
  #waiting: Waiting[] = [];
  #sleeping: Sleeping[] = [];
  #turn: ModelProcess | undefined;
  #failure: { readonly error: unknown } | undefined;
  #killed = false;

  constructor(machine: Machine, rules: Rules) {
    this.#machine = machine;
    this.#rules = rules;
    machine.gate = (step) => this.#arrive(step);
    machine.sleep = (process, ms, signal) => this.#sleep(process, { ms, signal });
  }

  /**
   * Resolves when every task has, and then `afterwards`, which runs alone: what else is under way never goes on. Throws what a task, the watch or
   * `afterwards` threw, with the last steps.
   */
  async run(tasks: readonly Task[], afterwards: () => Promise<void> | void = () => {}): Promise<void> {
    try {
      await this.#step(tasks);
      this.#machine.gate = () => {};
      this.#machine.sleep = async (_process, ms) => this.#machine.pass(ms);
      await afterwards();
    } catch (error) {
      throw this.#withSteps(error);
    }
  }

  async #step(tasks: readonly Task[]): Promise<void> {
    const running = new Set(tasks);
    for (const task of tasks) {
      const start = (): void => {
        task.run().then(
          () => running.delete(task),
          (error: unknown) => this.#fail(task.process.dead ? undefined : error),
        );
      };
      this.#waiting.push({ process: task.process, what: "starts", goOn: start });
    }
    while ([...running].some(({ process }) => !process.dead)) {
      const options = this.#options();
      if (options.length === 0) throw new Error("nobody can go on");
      const picked = options.length === 1 ? 0 : this.#rules.choose(options.map(({ cost }) => cost));
      const option = options[picked];
      this.#told.push(option?.what ?? "");
      option?.take();
      await settled();
      this.#watching(() => this.#rules.watch.look());
      if (this.#failure) throw this.#failure.error;
    }
  }

  #arrive(step: Step): Promise<void> | void {
    const { process, operation, path } = step;
    const what = `${operation} ${path}`;
    if (this.#machine.steps > stepsMax) {
      this.#fail(new Error(`${process.name} goes on for ever, last with ${what}`));
      return new Promise(() => {});
    }
    if (!this.#rules.visible(step)) {
      this.#watching(() => this.#rules.watch.before(step));
      return undefined;
    }
    return new Promise((resolve) => {
      const goOn = (): void => {
        this.#watching(() => this.#rules.watch.before(step));
        resolve();
      };
      this.#waiting.push({ process, what, goOn });
    });
  }

  #sleep(
    process: ModelProcess,
    { ms, signal }: { readonly ms: number; readonly signal: AbortSignal | undefined },
  ): Promise<void> {
    return new Promise((resolve) => {
      const sleeping: Sleeping = {
        process,
        what: `has waited ${ms} ms`,
        dueMs: this.#machine.elapsedMs + ms,
        goOn: () => {
          signal?.removeEventListener("abort", abort);
          resolve();
        },
      };
      const abort = (): void => {
        this.#sleeping = this.#sleeping.filter((other) => other !== sleeping);
        this.#waiting = this.#waiting.filter((other) => other !== sleeping);
        resolve();
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#sleeping.push(sleeping);
    });
  }

  #options(): Option[] {
    this.#waiting = this.#waiting.filter(({ process }) => !process.dead);
    this.#sleeping = this.#sleeping.filter(({ process }) => !process.dead);
    this.#wake();
    const own = this.#waiting.filter(({ process }) => process === this.#turn);
    const others = this.#waiting.filter(({ process }) => process !== this.#turn);
    const first = new Set<ModelProcess>();
    const options = [...own, ...others].map<Option>((waiting) => {
      const cost = first.has(waiting.process) || (own.length > 0 && waiting.process !== this.#turn) ? 1 : 0;
      first.add(waiting.process);
      return { cost, what: `${waiting.process.name} ${waiting.what}`, take: () => this.#let(waiting) };
    });
    const idle = options.length === 0;
    if (this.#sleeping.length > 0 && (idle || this.#shortestMs() <= stallMs)) {
      options.push({ cost: idle ? 0 : 1, what: "time passes", take: () => this.#passTime() });
    }
    const { victim } = this.#rules;
    if (victim && options.length > 0 && !victim.dead && !this.#killed) {
      options.push({ cost: 1, what: `${victim.name} is killed`, take: () => this.#kill(victim) });
    }
    return options;
  }

  #let(waiting: Waiting): void {
    this.#waiting = this.#waiting.filter((other) => other !== waiting);
    this.#turn = waiting.process;
    waiting.goOn();
  }

  #kill(victim: ModelProcess): void {
    this.#killed = true;
    victim.kill();
  }

  /** Until whoever sleeps shortest is due; the turn is theirs. */
  #passTime(): void {
    this.#machine.pass(Math.max(this.#shortestMs(), 0));
    const [woken] = this.#wake();
    if (woken) this.#let(woken);
  }

  #shortestMs(): number {
    return Math.min(...this.#sleeping.map(({ dueMs }) => dueMs)) - this.#machine.elapsedMs;
  }

  #wake(): readonly Sleeping[] {
    const { elapsedMs } = this.#machine;
    const due = this.#sleeping
      .filter(({ dueMs }) => dueMs <= elapsedMs + roundingMs)
      .toSorted((left, right) => left.dueMs - right.dueMs);
    if (due.length === 0) return due;
    this.#sleeping = this.#sleeping.filter(({ dueMs }) => dueMs > elapsedMs + roundingMs);
    this.#waiting.push(...due);
    return due;
  }

  #watching(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (error !== undefined) this.#failure ??= { error };
  }

  /** With the last steps: a schedule says who came when, not what they did. */
  #withSteps(error: unknown): Error {
    const steps = this.#told.slice(-toldSteps).map((step) => `    ${step}`);
    const thrown = error instanceof Error ? error : new Error(String(error));
    thrown.message = `${thrown.message}\n${steps.join("\n")}`;
    return thrown;
  }
}

/** When nothing goes on but what waits at the gate: all that modelled processes do otherwise is to wait for promises. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
