import { expect, test } from "vitest";
import { commitAndAbort, publishAndCommitOfCopy, sweepAndCommit, twoCommits } from "./detached-scenarios.ts";
import { explore, type Exploration } from "./explore-scenarios.ts";
import { pruneAndMark, pruneAndOpening, pruneAndRollback, prunerAndReaders } from "./release-scenarios.ts";
import {
  adoptAndForeigner,
  adoptAndLockless,
  foreignerAndReader,
  killedPublisher,
  publisherAndReader,
  publisherAndRollback,
  twoPublishers,
  withinTurns,
} from "./scenarios.ts";
import type { Interleaving } from "./stage.ts";
import type { WithinTurn } from "./within-turn.ts";

/** A part of what interleavings.proof.ts does, small enough for every run of the tests: every order with one interference, or some random ones. */
async function expectWhole(
  scenario: Interleaving | WithinTurn | undefined,
  exploration: Partial<Exploration> = {},
): Promise<void> {
  if (!scenario) throw new Error("there is no such scenario");
  const explored = await explore(scenario, { budget: 1, random: 0, stepTimes: [0], ...exploration });
  expect(explored.all + explored.random).toBeGreaterThan(20);
}

const some = { budget: 0, random: 60 };

const [, eventualWithinTurn, rollbackWithinTurn, pinWithinTurn, foreignWithinTurn] = withinTurns;

test("FACTS 5: a reader that looks, stalls over two publishes and then opens serves no release under another's name", async () => {
  await expectWhole(publisherAndReader("eventual"));
  await expectWhole(eventualWithinTurn, some);
});

test("a reader is served the release that was active when it asked, or a later one, and never an older one again", async () => {
  await expectWhole(publisherAndReader("strict"));
  await expectWhole(rollbackWithinTurn, { ...some, stepTimes: [25] });
});

test("FACTS 5: a version number does not identify a manifest: every switch of a program that always writes version 1 is seen", async () => {
  await expectWhole(foreignerAndReader({ inPlace: true, locks: true }));
  await expectWhole(foreignerAndReader({ inPlace: false, locks: true }), { stepTimes: [25] });
  await expectWhole(foreignWithinTurn);
});

test("FACTS 5: adopt compares the manifest, not its version, before it switches", async () => {
  await expectWhole(adoptAndLockless);
});

test("adopt and another program under one lock: neither undoes the other", async () => {
  await expectWhole(adoptAndForeigner({ inPlace: false, locks: true }), some);
});

test("FACTS 5: a pin that was opened and not yet locked while prune deleted it is no pin", async () => {
  await expectWhole(pinWithinTurn, { budget: 2 });
});

test("FACTS 5: a slot is chosen after the build: a rollback that came in meanwhile is not overwritten", async () => {
  await expectWhole(publisherAndRollback);
});

test("one writer at a time, by a kernel lock on a file that stays: two publishers that wait for each other both publish", async () => {
  await expectWhole(twoPublishers(120_000), some);
});

test("a publisher that is killed leaves a whole release to its reader and to the next publisher", async () => {
  await expectWhole(killedPublisher, some);
});

test("a release of layout `releases` that a reader opens is not pruned until it lets go", async () => {
  await expectWhole(pruneAndOpening);
  await expectWhole(prunerAndReaders, some);
});

test("an operator's pin and a prune: the release stays, or the pin is refused", async () => {
  await expectWhole(pruneAndMark);
});

test("a rollback and a prune of what it goes back to: the release stays, or the rollback is refused", async () => {
  await expectWhole(pruneAndRollback, some);
});

test("two commits, or a commit and an abort, of one detached build: one has it, and the other is told", async () => {
  await expectWhole(twoCommits(0), some);
  await expectWhole(commitAndAbort, some);
});

test("a detached build whose lease expired is committed, or swept into quarantine whole", async () => {
  await expectWhole(sweepAndCommit, some);
});

test("a detached build that began as a copy is published on top of what it was copied from, or not at all", async () => {
  await expectWhole(publishAndCommitOfCopy, some);
});
