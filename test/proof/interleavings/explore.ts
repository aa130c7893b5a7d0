import { Seed } from "../seed.ts";

/**
 * Asked at every moment at which several things may happen next: what each of them costs. Answers with the place of one. The first is what happens when
 * nothing interferes, and costs nothing.
 */
export type Choose = (costs: readonly number[]) => number;

/** One order of events: `moment:option`, for each moment at which something else than the first option was taken. Empty: nothing interferes. */
export type Schedule = string;

/** What an order of events broke. The message names the schedule, with which `replay` does it again. */
export class BrokenOrder extends Error {
  readonly schedule: Schedule;

  constructor(schedule: Schedule, cause: unknown, note: string) {
    super(`${note}schedule "${schedule}": ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.schedule = schedule;
  }
}

interface Moment {
  readonly costs: readonly number[];
  readonly taken: number;
}

/**
 * Runs every order whose options cost at most `budget` together, each once, from the start. Returns their number. Throws `BrokenOrder` for the first that
 * breaks something, and an error when there are more than `ordersMax`.
 */
export async function exploreAll(
  run: (choose: Choose) => Promise<void>,
  { budget, ordersMax = 1_000_000 }: { readonly budget: number; readonly ordersMax?: number },
): Promise<number> {
  let next: readonly number[] | undefined = [];
  for (let orders = 0; ; orders += 1) {
    if (next === undefined) return orders;
    if (orders >= ordersMax) throw new Error(`more than ${ordersMax} orders with ${budget} interferences`);
    const given = next;
    const moments = await runOnce(run, (index) => given[index] ?? 0);
    next = following(moments, budget);
  }
}

/**
 * Runs `count` orders picked by a seed, which is in the message of a failure; each interferes more or less often than the last.
 */
export async function exploreRandom(
  run: (choose: Choose) => Promise<void>,
  { count, seed }: { readonly count: number; readonly seed: number },
): Promise<number> {
  for (let order = 0; order < count; order += 1) {
    const random = new Seed(seed * 1_000_003 + order);
    const oneIn = 2 + random.below(30);
    const pick = (_index: number, costs: readonly number[]): number => {
      if (random.below(oneIn) === 0) return random.below(costs.length);
      // What costs nothing is as likely as any other of its kind.
      const free = costs.flatMap((cost, option) => (cost === 0 ? [option] : []));
      return free[random.below(free.length)] ?? 0;
    };
    await runOnce(run, pick, `seed ${seed}, `);
  }
  return count;
}

/** Runs one order again. */
export async function replay(run: (choose: Choose) => Promise<void>, schedule: Schedule): Promise<void> {
  const taken = new Map(
    schedule
      .split(" ")
      .filter(Boolean)
      .map((pair) => pair.split(":").map(Number) as [number, number]),
  );
  await runOnce(run, (index) => taken.get(index) ?? 0);
}

async function runOnce(
  run: (choose: Choose) => Promise<void>,
  pick: (index: number, costs: readonly number[]) => number,
  note = "",
): Promise<readonly Moment[]> {
  const moments: Moment[] = [];
  const choose: Choose = (costs) => {
    const taken = pick(moments.length, costs);
    if (taken >= costs.length) throw new Error(`moment ${moments.length} has ${costs.length} options, not ${taken + 1}`);
    moments.push({ costs, taken });
    return taken;
  };
  try {
    await run(choose);
    return moments;
  } catch (error) {
    const schedule = moments.flatMap(({ taken }, index) => (taken === 0 ? [] : [`${index}:${taken}`])).join(" ");
    throw new BrokenOrder(schedule, error, note);
  }
}

/** The choices of the next order that the budget allows: the last choice that has one more option takes it, and nothing interferes afterwards. */
function following(moments: readonly Moment[], budget: number): readonly number[] | undefined {
  const spent = [0];
  for (const { costs, taken } of moments) spent.push((spent.at(-1) ?? 0) + (costs[taken] ?? 0));
  for (let index = moments.length - 1; index >= 0; index -= 1) {
    const { costs = [], taken = 0 } = moments[index] ?? {};
    const left = budget - (spent[index] ?? 0);
    const option = costs.findIndex((cost, candidate) => candidate > taken && cost <= left);
    if (option > 0) return [...moments.slice(0, index).map((moment) => moment.taken), option];
  }
  return undefined;
}
