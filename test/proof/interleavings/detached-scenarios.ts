import { storePaths } from "../../../src/model/layout.ts";
import { abortBuild } from "../../../src/release/detached/abort.ts";
import { beginBuild, type BeginOptions } from "../../../src/release/detached/begin.ts";
import { auditHistory, auditStore, auditTidiness } from "../crashes/audit.ts";
import { detachedBuilds, tryCommit } from "../crashes/detached.ts";
import { begun, theBuild } from "../crashes/detached-scenarios.ts";
import { Damage, storeFolder } from "../crashes/place.ts";
import { storeOf } from "../crashes/stores.ts";
import { wholeTag } from "../model/engine.ts";
import type { Machine, ModelProcess, Step } from "../model/machine.ts";
import { expectOutcome, outcomeOf, tryPublish } from "./actors.ts";
import type { Cast, Interleaving, Stage } from "./stage.ts";
import { seenByWriters } from "./visible.ts";

const paths = storePaths(storeFolder);

const tag = "detached";
const patienceMs = 120_000;
const hourMs = 3_600_000;

/** An actor, and what its operation ended with. */
interface Act {
  readonly name: string;
  readonly act: (process: ModelProcess, build: string) => Promise<string>;
}

/** What is to be looked at once all are through: outcomes by the actor's name. */
interface Ended extends Stage {
  readonly build: string;
  readonly outcomes: Readonly<Record<string, string>>;
}

const commit =
  (waitMs: number): Act["act"] =>
  (process, build) =>
    tryCommit(process, build, { waitMs });

const abort: Act["act"] = (process, build) =>
  outcomeOf(async () => (await abortBuild(storeOf(process), build, { waitMs: patienceMs })).state);

/** What happens in a build's folder is seen as well: whoever has its lock, and whoever asks whether it is there. */
function seen(step: Step): boolean {
  const isBuild = [paths.builds, paths.quarantine].some((folder) => step.path.startsWith(`${folder}/`));
  const isSeen = ["open", "stat", "rename", "makeFolder", "list", "removeFile"].includes(step.operation);
  return isBuild ? isSeen && !step.path.endsWith(".tmp") : seenByWriters(step);
}

/** Some processes that meet at a build that was begun, in a store with two releases. */
function meeting({
  name,
  begin = {},
  acts,
  after,
}: {
  readonly name: string;
  readonly begin?: BeginOptions;
  readonly acts: readonly Act[];
  readonly after: (ended: Ended) => void;
}): Interleaving {
  return {
    name,
    prepare: (process) => begun(process, { tag, ...begin }),
    visible: seen,
    cast: (machine) => castOf(machine, acts, after),
  };
}

function castOf(machine: Machine, acts: readonly Act[], after: (ended: Ended) => void): Cast {
  machine.pass(hourMs);
  const outcomes: Record<string, string> = {};
  const actors = acts.map((act) => ({ ...act, process: machine.start(act.name) }));
  const build = theBuild({ machine });
  return {
    monitor: { beginners: new Set(actors.map(({ process }) => process)) },
    tasks: actors.map(({ name, act, process }) => ({
      process,
      run: async () => void (outcomes[name] = await act(process, build)),
    })),
    after(stage) {
      orderly(stage);
      after({ ...stage, build, outcomes });
    },
  };
}

/** Everything whole, every switch told, nothing half done; what is open has a lease. */
function orderly({ machine: { disk } }: Stage): void {
  const active = auditStore(disk);
  if (!active) throw new Damage("there is no release");
  auditHistory(disk, active);
  auditTidiness(disk, detachedBuilds(disk));
}

/** How often the build became a release. */
function timesOut({ monitor }: Stage): number {
  return monitor.reigns.filter((reign) => reign.tag === tag).length;
}

function expectOnce(ended: Ended, isOut = true): void {
  const times = timesOut(ended);
  if (times !== (isOut ? 1 : 0))
    throw new Damage(`build ${ended.build} became ${times} releases: ${JSON.stringify(ended.outcomes)}`);
  if (isOut && ended.machine.disk.has(paths.build(ended.build)))
    throw new Damage(`build ${ended.build} is a release, and still there`);
}

function expectQuarantined({ machine: { disk }, build }: Ended): void {
  const data = disk.find(`${paths.quarantine}/${build}/DB.duckdb`)?.content;
  if (!data || wholeTag(data) !== tag) throw new Damage(`build ${build} does not lie whole in quarantine`);
}

/** Two orchestrators commit one build. */
export function twoCommits(waitMs: number): Interleaving {
  return meeting({
    name: `two commits of one detached build, ${waitMs > 0 ? "each waiting for the other" : "none of which waits"}`,
    acts: [
      { name: "first", act: commit(waitMs) },
      { name: "second", act: commit(waitMs) },
    ],
    after(ended) {
      const [winner, loser] = Object.values(ended.outcomes).toSorted((left, right) => (left < right ? 1 : -1));
      expectOutcome(winner ?? "", "r000003");
      expectOutcome(loser ?? "", "BUILD_UNKNOWN", ...(waitMs > 0 ? [] : ["BUILD_LOCKED"]));
      expectOnce(ended);
    },
  });
}

/** One commits what the other gives up. */
export const commitAndAbort: Interleaving = meeting({
  name: "a commit and an abort of one detached build",
  acts: [
    { name: "committer", act: commit(patienceMs) },
    { name: "aborter", act: abort },
  ],
  after(ended) {
    const told = `${ended.outcomes["committer"]}, ${ended.outcomes["aborter"]}`;
    expectOutcome(told, "r000003, BUILD_UNKNOWN", "BUILD_UNKNOWN, aborted");
    expectOnce(ended, told.startsWith("r"));
  },
});

/** The orchestrator comes back when the lease has expired, and somebody begins another build. */
export const sweepAndCommit: Interleaving = meeting({
  name: "a commit of a detached build whose lease expired, and the begin that sweeps it",
  begin: { leaseMs: 1000 },
  acts: [
    { name: "committer", act: commit(patienceMs) },
    { name: "sweeper", act: async (process) => (await beginBuild(storeOf(process))).store },
  ],
  after(ended) {
    const { outcomes } = ended;
    expectOutcome(outcomes["sweeper"] ?? "", "holdings");
    expectOutcome(outcomes["committer"] ?? "", "r000003", "BUILD_UNKNOWN");
    const isOut = outcomes["committer"] === "r000003";
    expectOnce(ended, isOut);
    if (!isOut) expectQuarantined(ended);
  },
});

/** A publish beside a detached build: each on top of the other. */
export const publishAndCommit: Interleaving = meeting({
  name: "a publish and a commit of a detached build",
  acts: [
    { name: "committer", act: commit(patienceMs) },
    { name: "publisher", act: (process) => tryPublish(process, "three") },
  ],
  after(ended) {
    expectOutcome(ended.outcomes["committer"] ?? "", "r000003", "r000004");
    expectOutcome(ended.outcomes["publisher"] ?? "", "switched");
    expectOnce(ended);
    if (ended.monitor.now !== 2) throw new Damage(`${ended.monitor.now} switches`);
  },
});

/** A build that began as a copy is published on top of what it was copied from, or not at all. */
export const publishAndCommitOfCopy: Interleaving = meeting({
  name: "a publish and a commit of a detached build that began as a copy",
  begin: { base: "active" },
  acts: [
    { name: "committer", act: commit(patienceMs) },
    { name: "publisher", act: (process) => tryPublish(process, "three") },
  ],
  after(ended) {
    const { outcomes, monitor } = ended;
    expectOutcome(outcomes["publisher"] ?? "", "switched");
    expectOutcome(outcomes["committer"] ?? "", "r000003", "BASE_MOVED");
    const isOut = outcomes["committer"] === "r000003";
    expectOnce(ended, isOut);
    if (!isOut) expectQuarantined(ended);
    const tags = monitor.reigns.map((reign) => reign.tag).join(" ");
    expectOutcome(tags, isOut ? "two detached three" : "two three");
  },
});

/** A commit that may die at any step, and another one of the same build. */
export const killedCommitter: Interleaving = {
  name: "a commit of a detached build that is killed, and the next one",
  prepare: (process) => begun(process, { tag }),
  visible: seen,
  cast(machine) {
    machine.pass(hourMs);
    const victim = machine.start("committer that may die");
    const next = machine.start("next committer");
    const build = theBuild({ machine });
    const outcomes: Record<string, string> = {};
    return {
      victim,
      tasks: [
        { process: victim, run: async () => void (outcomes["victim"] = await tryCommit(victim, build)) },
        { process: next, run: async () => void (outcomes["next"] = await tryCommit(next, build, { waitMs: patienceMs })) },
      ],
      // The next one may have been through before the dead one did anything.
      async after(stage) {
        await tryCommit(machine.start("last committer"), build);
        await tryPublish(machine.start("publisher"), "last");
        orderly(stage);
        expectOnce({ ...stage, build, outcomes });
      },
    };
  },
};
