import { expect, test } from "vitest";
import { proofLedger } from "../ledger.ts";
import {
  commitAndAbort,
  killedCommitter,
  publishAndCommit,
  publishAndCommitOfCopy,
  sweepAndCommit,
  twoCommits,
} from "./detached-scenarios.ts";
import { explore, type Exploration } from "./explore-scenarios.ts";
import { pruneAndMark, pruneAndOpening, pruneAndRollback, prunerAndReaders, releasesWithinTurns } from "./release-scenarios.ts";
import {
  adoptAndForeigner,
  adoptAndLockless,
  foreignerAndReader,
  killedPublisher,
  prunerAndPin,
  publisherAndReader,
  publisherAndRollback,
  readersOfOneProcess,
  refusalAndPublisher,
  twoPublishers,
  withinTurns,
  writersAndReader,
} from "./scenarios.ts";
import type { Interleaving } from "./stage.ts";
import type { WithinTurn } from "./within-turn.ts";

const ledger = proofLedger("interleavings", "explored");

const readersSee = "whole releases, each as what its record says, the newest at each request, never an older one again";
const writersLeave = "one writer at a time, every switch in the history, what is active whole at every step";

/** One interference takes away the turn at any of hundreds of steps. */
const detached = { stepTimes: [0], budget: 1, random: 40 };

interface Explored extends Exploration {
  readonly scenario: Interleaving | WithinTurn;
  readonly outcome: string;
}

/** How far each is explored: as far as the number of orders, which grows with a power of the steps, stays within seconds. */
const explorations: readonly Explored[] = [
  { scenario: publisherAndReader("strict"), budget: 2, random: 300, outcome: readersSee },
  {
    scenario: publisherAndReader("eventual"),
    stepTimes: [0],
    budget: 2,
    random: 300,
    outcome: "whole releases, each as what its record says, never an older one again",
  },
  { scenario: readersOfOneProcess, budget: 1, random: 400, outcome: `${readersSee}; no file is closed under one by the other` },
  { scenario: twoPublishers(120_000), budget: 1, random: 200, outcome: `both publish; ${writersLeave}` },
  {
    scenario: twoPublishers(0),
    budget: 1,
    random: 200,
    outcome: `one publishes, the other does, too, or is told who holds the lock; ${writersLeave}`,
  },
  { scenario: publisherAndRollback, budget: 1, random: 400, outcome: `both switch; ${writersLeave}` },
  { scenario: writersAndReader, budget: 1, random: 300, outcome: `${writersLeave}; readers: ${readersSee}` },
  { scenario: refusalAndPublisher, budget: 1, random: 200, outcome: `one release and one build in quarantine; ${writersLeave}` },
  { scenario: killedPublisher, budget: 1, random: 300, outcome: `${readersSee}; the next publish works` },
  { scenario: prunerAndPin, budget: 2, random: 200, outcome: "a pin that was taken stays; one that was pruned is none" },
  ...[true, false].map<Explored>((inPlace) => ({
    scenario: foreignerAndReader({ inPlace, locks: true }),
    budget: 2,
    random: 300,
    outcome: "whole releases, the newest at each request",
  })),
  ...[true, false].map<Explored>((inPlace) => ({
    scenario: adoptAndForeigner({ inPlace, locks: true }),
    budget: 1,
    random: 300,
    outcome: "neither undoes the other; readers: whole releases, the newest at each request",
  })),
  { scenario: adoptAndLockless, budget: 2, random: 200, outcome: "the other program's release stays active, adopted or not" },
  {
    scenario: prunerAndReaders,
    budget: 1,
    random: 60,
    outcome: `${readersSee}; what one of them stays on is not pruned until it lets go`,
  },
  {
    scenario: pruneAndOpening,
    budget: 2,
    random: 200,
    outcome: "it has the release whole until it lets go, or is told that it is gone; the next prune removes it",
  },
  {
    scenario: pruneAndMark,
    budget: 1,
    random: 200,
    outcome: "the pin is refused, or the release stays; nothing else is left",
  },
  {
    scenario: pruneAndRollback,
    budget: 1,
    random: 150,
    outcome: `the rollback is refused, or its release stays; ${writersLeave}; readers: ${readersSee}`,
  },
  {
    scenario: twoCommits(0),
    ...detached,
    outcome: `one commits; the other is told who has the build, or that it was committed already; ${writersLeave}`,
  },
  { scenario: twoCommits(120_000), ...detached, outcome: `one commits, the other is told so; ${writersLeave}` },
  { scenario: commitAndAbort, ...detached, outcome: `it is published or removed, and the other is told so; ${writersLeave}` },
  {
    scenario: sweepAndCommit,
    ...detached,
    outcome: `it is published, or lies whole in quarantine and the commit says so; ${writersLeave}`,
  },
  { scenario: publishAndCommit, ...detached, outcome: `both switch; ${writersLeave}` },
  {
    scenario: publishAndCommitOfCopy,
    ...detached,
    outcome: `it is published on top of what it was copied from, or lies whole in quarantine; ${writersLeave}`,
  },
  { scenario: killedCommitter, ...detached, outcome: `it is published once; ${writersLeave}` },
  ...[...withinTurns, ...releasesWithinTurns].map<Explored>((scenario) => ({
    scenario,
    budget: 1,
    ...(scenario.name.includes("layout releases") ? { stepTimes: [0], random: 200 } : { random: 500 }),
    outcome: scenario.name.includes(" pin")
      ? "a pin that was taken stays; one that was pruned is none"
      : "whole releases, each under its own name",
  })),
];

test.each(explorations.map((exploration) => [exploration.scenario.name, exploration] as const))(
  "%s",
  async (_name, exploration) => {
    const { scenario, outcome, budget } = exploration;
    const explored = await explore(scenario, exploration);
    expect(explored.all).toBeGreaterThan(budget);
    ledger.add({
      operation: scenario.name,
      fault: `every order with at most ${budget === 1 ? "one interference" : `${budget} interferences`}, and ${explored.random} random ones`,
      outcome,
      count: explored.all + explored.random,
    });
  },
);
