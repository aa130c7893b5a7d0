import { expect, test } from "vitest";
import { ModelDisk } from "../model/disk.ts";
import { Machine, type ModelProcess } from "../model/machine.ts";
import { Seed } from "../seed.ts";
import { BrokenOrder, exploreAll, exploreRandom, replay, type Choose } from "./explore.ts";
import { Scheduler } from "./scheduler.ts";

const nobodyLooks = { before: () => {}, look: () => {} };

/** Adds one to the number in a file. */
async function addOne({ platform: { files } }: ModelProcess): Promise<void> {
  const file = await files.open("/number", "update");
  const number = Number((await file.read(0, 10)).toString());
  await file.write(Buffer.from(String(number + 1)), 0);
}

/** Two processes add one each, without a lock. */
async function bothAdd(choose: Choose): Promise<void> {
  const machine = new Machine(new ModelDisk(), new Seed(1));
  machine.disk.setContent(machine.disk.make("/number", "file"), Buffer.from("0"));
  const visible = ({ operation }: { readonly operation: string }): boolean => operation !== "open";
  const processes = [machine.start("first"), machine.start("second")];
  const tasks = processes.map((process) => ({ process, run: () => addOne(process) }));
  await new Scheduler(machine, { choose, watch: nobodyLooks, visible }).run(tasks, () => {
    const number = machine.disk.mustFind("/number").content.toString();
    if (number !== "2") throw new Error(`the number is ${number}`);
  });
}

async function brokenBy(exploring: Promise<number>): Promise<BrokenOrder> {
  const outcome = await exploring.catch((error: unknown) => error);
  if (outcome instanceof BrokenOrder) return outcome;
  throw new Error(`nothing broke: ${String(outcome)}`);
}

test("the explorer finds two writers without a lock that lose an update, and replays it", async () => {
  expect(await exploreAll(bothAdd, { budget: 0 })).toBe(2);
  const broken = await brokenBy(exploreAll(bothAdd, { budget: 1 }));
  expect(broken.message).toContain("the number is 1");
  expect(broken.message).toContain(`schedule "${broken.schedule}"`);
  expect(broken.message).toContain("second read /number");
  await expect(replay(bothAdd, broken.schedule)).rejects.toThrow("the number is 1");
});

test("random orders find it, too, and name the seed; the same seed finds the same order", async () => {
  const broken = await brokenBy(exploreRandom(bothAdd, { count: 1000, seed: 3 }));
  expect(broken.message).toContain("seed 3");
  expect((await brokenBy(exploreRandom(bothAdd, { count: 1000, seed: 3 }))).schedule).toBe(broken.schedule);
});

test("every order within the budget is run, each once", async () => {
  const orders: string[] = [];
  const run = (budget: number): Promise<number> =>
    exploreAll(
      (choose) => {
        orders.push([1, 2, 3].map(() => choose([0, 1, 0])).join(""));
        return Promise.resolve();
      },
      { budget },
    );
  expect(await run(0)).toBe(8);
  expect(await run(1)).toBe(8 + 3 * 4);
  expect(await run(3)).toBe(27);
  expect(new Set(orders).size).toBe(27);
});

test("a process that goes on for ever, and processes that wait for each other, break the run", async () => {
  const machine = new Machine(new ModelDisk(), new Seed(1));
  const process = machine.start("endless");
  const rules = { choose: () => 0, watch: nobodyLooks, visible: () => false };
  const forever = async (): Promise<void> => {
    for (;;) await process.platform.files.stat("/");
  };
  await expect(new Scheduler(machine, rules).run([{ process, run: forever }])).rejects.toThrow("goes on for ever");
  const stuck = { process: machine.start("stuck"), run: () => new Promise<void>(() => {}) };
  await expect(new Scheduler(machine, rules).run([stuck])).rejects.toThrow("nobody can go on");
});
