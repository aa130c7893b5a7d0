import { storePaths } from "../../../src/model/layout.ts";
import { takePin } from "../../../src/reader/pin.ts";
import { pinRelease } from "../../../src/release/marks.ts";
import { pruneReleases } from "../../../src/release/prune.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { auditHistory, auditStore, auditTidiness } from "../crashes/audit.ts";
import { auditRetained } from "../crashes/kept.ts";
import { Damage, storeFolder } from "../crashes/place.ts";
import { inReleases, keepingAll, publishedIn, storeOf } from "../crashes/stores.ts";
import { modelEngine } from "../model/engine.ts";
import type { ModelProcess } from "../model/machine.ts";
import { ask, expectOutcome, openStore, outcomeOf, read, type Reading } from "./actors.ts";
import type { Interleaving, Stage } from "./stage.ts";
import { seenByReaders, seenByWriters } from "./visible.ts";
import { pinOnce, readTwice, type WithinTurn } from "./within-turn.ts";

const paths = storePaths(storeFolder);

const published = publishedIn(inReleases);

/** Four releases, of which a prune that keeps two removes the first two. */
const four = (process: ModelProcess): Promise<void> => publishedIn(keepingAll)(process, "one", "two", "three", "four");

async function prune(process: ModelProcess): Promise<void> {
  await pruneReleases(storeOf(process, inReleases), { waitMs: 120_000 });
}

/** Everything whole, every switch told; and once nobody reads any more, a prune leaves what has to stay and nothing else. */
async function orderly({ machine }: Stage): Promise<void> {
  await prune(machine.start("last prune"));
  const active = auditStore(machine.disk);
  if (!active) throw new Damage("there is no release");
  auditHistory(machine.disk, active);
  auditTidiness(machine.disk);
  auditRetained(machine.disk);
}

/** One request after the other on the release that was active when it came, whatever is published and pruned meanwhile. */
async function stay(reading: Reading): Promise<void> {
  const reader = await openStore(reading);
  await reader.borrow(async (borrowed) => {
    const first = await borrowed.query("SELECT tag");
    for (let query = 0; query < 3; query += 1) {
      const { rows, release } = await borrowed.query("SELECT tag");
      if (release !== first.release || String(rows[0]?.[0]) !== String(first.rows[0]?.[0]))
        throw new Damage(`${release} answers "${String(rows[0]?.[0])}" after "${String(first.rows[0]?.[0])}"`);
      reading.stage().monitor.assertPinned(reading.process, release);
    }
  });
  await ask(reader, reading, reading.stage());
  await reader.close();
}

/** Two readers, one of which stays on an old release, and a publisher whose every publish prunes. */
export const prunerAndReaders: Interleaving = {
  name: "two publishes that prune, a reader that stays on an old release and one that follows (layout releases)",
  prepare: (process) => published(process, "one", "two"),
  visible: seenByReaders,
  cast(machine, stage) {
    const publisher = machine.start("publisher");
    const staying = machine.start("reader that stays");
    const following = machine.start("reader that follows");
    return {
      tasks: [
        { process: staying, run: () => stay({ stage, process: staying, requests: 1 }) },
        { process: following, run: () => read({ stage, process: following, requests: 2 }) },
        { process: publisher, run: () => published(publisher, "three", "four") },
      ],
      after: orderly,
    };
  },
};

/** A reader that opens a kept release by its id, as time travel does: it has the release whole until it lets go, or is told that it is gone. */
async function openKept(
  process: ModelProcess,
  { release, tag }: { readonly release: string; readonly tag: string },
): Promise<void> {
  const attempt = await takePin(process.platform, paths.pin(release));
  if (attempt.kind === "impossible") throw new Error(attempt.reason);
  if (attempt.kind === "missing") return;
  const database = await modelEngine(process).open({
    path: `${paths.release(release)}/DB.duckdb`,
    names: ["DB"],
    concurrency: 1,
    settings: {},
  });
  for (let query = 0; query < 2; query += 1) {
    const { rows } = await database.query("SELECT tag", undefined, { rowsMax: 1 });
    if (rows[0]?.[0] !== tag) throw new Damage(`${release} answers "${String(rows[0]?.[0])}"`);
    const folder = process.machine.disk.find(paths.release(release));
    if (!folder) throw new Damage(`${release} is pruned under its reader`);
  }
  await database.close();
  await attempt.pin.release();
}

/** A reader opens a release that a prune is about to remove. */
export const pruneAndOpening: Interleaving = {
  name: "a prune, and a reader that opens what is being pruned (layout releases)",
  prepare: four,
  visible: seenByReaders,
  cast(machine) {
    const operator = machine.start("operator");
    const reader = machine.start("reader");
    return {
      tasks: [
        { process: reader, run: () => openKept(reader, { release: "r000001", tag: "one" }) },
        { process: operator, run: () => prune(operator) },
      ],
      after: orderly,
    };
  },
};

/** An operator pins a release that a prune is about to remove. */
export const pruneAndMark: Interleaving = {
  name: "a prune, and an operator who pins what is being pruned (layout releases)",
  prepare: four,
  visible: seenByWriters,
  cast(machine) {
    const pruner = machine.start("pruner");
    const operator = machine.start("operator");
    let outcome = "";
    const pin = async (): Promise<string> => {
      await pinRelease(storeOf(operator, inReleases), "r000001", { reason: "audit", waitMs: 120_000 });
      return "pinned";
    };
    return {
      tasks: [
        { process: pruner, run: () => prune(pruner) },
        { process: operator, run: async () => void (outcome = await outcomeOf(pin)) },
      ],
      async after(stage) {
        expectOutcome(outcome, "pinned", "RELEASE_UNKNOWN");
        await orderly(stage);
        const folder = stage.machine.disk.find(paths.release("r000001"));
        if (Boolean(folder) !== (outcome === "pinned"))
          throw new Damage(`${outcome}, and r000001 is ${folder ? "there" : "gone"}`);
      },
    };
  },
};

/** Somebody rolls back to a release that a prune is about to remove, while a reader reads. */
export const pruneAndRollback: Interleaving = {
  name: "a prune, a rollback to what is being pruned, and a reader (layout releases)",
  prepare: four,
  visible: (step) => seenByReaders(step) || (step.operation === "open" && step.path === paths.writerLock),
  cast(machine, stage) {
    const pruner = machine.start("pruner");
    const operator = machine.start("operator");
    const reader = machine.start("reader");
    const goBack = async (): Promise<string> =>
      (await rollback(storeOf(operator, inReleases), { to: "r000001", waitMs: 120_000 })).release;
    return {
      tasks: [
        { process: reader, run: () => read({ stage, process: reader, requests: 2 }) },
        { process: pruner, run: () => prune(pruner) },
        { process: operator, run: async () => expectOutcome(await outcomeOf(goBack), "r000001", "RELEASE_UNKNOWN") },
      ],
      after: orderly,
    };
  },
};

/** Readers whose calls a pruning writer comes in between, also where nothing waits between two of them. */
export const releasesWithinTurns: readonly WithinTurn[] = [
  {
    name: "two publishes that prune, within a reader's turn (layout releases)",
    prepare: (process) => published(process, "one", "two"),
    write: (process) => published(process, "three", "four"),
    read: readTwice,
  },
  {
    name: "a prune within the turn of a reader that takes the pin of what is being pruned (layout releases)",
    prepare: four,
    write: prune,
    read: pinOnce,
  },
];
