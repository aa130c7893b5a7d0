import { storePaths } from "../../../src/model/layout.ts";
import { takePin } from "../../../src/reader/pin.ts";
import { adopt } from "../../../src/release/adopt.ts";
import { auditHistory, auditStore, auditTidiness } from "../crashes/audit.ts";
import { Damage, storeFolder } from "../crashes/place.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { inSlots, publishedIn, storeOf } from "../crashes/stores.ts";
import { databaseBytes } from "../model/engine.ts";
import type { ModelProcess } from "../model/machine.ts";
import { expectOutcome, outcomeOf, read, switchAsForeigner, tryPublish, tryRollback, type ForeignStyle } from "./actors.ts";
import { pinOnce, readTwice, type WithinTurn } from "./within-turn.ts";
import { sharingEngine } from "./sharing-engine.ts";
import type { Interleaving, Stage } from "./stage.ts";
import { seenByReaders, seenByWriters } from "./visible.ts";

const paths = storePaths(storeFolder);

const published = publishedIn(inSlots);

/** A store of another program: "one" is active in slot a. */
function foreign({ machine }: ModelProcess): Promise<void> {
  const { disk } = machine;
  disk.make(storeFolder, "folder");
  disk.setContent(disk.make(paths.slot("DB", "a"), "file"), databaseBytes("one"));
  disk.setContent(disk.make(paths.manifest, "file"), Buffer.from(JSON.stringify({ active: "a", version: 1 })));
  return Promise.resolve();
}

/** What several writers leave behind: everything whole, every switch told, nothing half done. */
function orderly({ machine }: Stage): void {
  const active = auditStore(machine.disk);
  if (!active) throw new Damage("there is no release");
  auditHistory(machine.disk, active);
  auditTidiness(machine.disk);
}

/** A reader, and a publisher that publishes twice: what the reader found when it looked has been overwritten when it opens. */
export function publisherAndReader(freshness: "strict" | "eventual"): Interleaving {
  return {
    name: `two publishes and ${freshness === "strict" ? "a reader" : "a reader that does not wait for the newest"}`,
    prepare: (process) => published(process, "one", "two"),
    visible: seenByReaders,
    cast(machine, stage) {
      const publisher = machine.start("publisher");
      const reader = machine.start("reader");
      return {
        tasks: [
          { process: reader, run: () => read({ stage, process: reader, requests: 3, freshness }) },
          { process: publisher, run: () => published(publisher, "three", "four") },
        ],
        after: orderly,
      };
    },
  };
}

/** Two readers in one process, on the real registry of open files. */
export const readersOfOneProcess: Interleaving = {
  name: "two publishes and two readers of one process",
  prepare: (process) => published(process, "one", "two"),
  visible: seenByReaders,
  cast(machine, stage) {
    const publisher = machine.start("publisher");
    const process = machine.start("readers");
    const engine = sharingEngine(process);
    return {
      tasks: [
        { process, run: () => read({ stage, process, name: "first reader", requests: 2, engine }) },
        { process, run: () => read({ stage, process, name: "second reader", requests: 2, engine }) },
        { process: publisher, run: () => published(publisher, "three", "four") },
      ],
      after: orderly,
    };
  },
};

/** Two publishers: one waits for the other, or is told that it is locked out. */
export function twoPublishers(patienceMs: number): Interleaving {
  return {
    name: patienceMs > 0 ? "two publishers, each waiting for the other" : "two publishers, none of which waits",
    prepare: (process) => published(process, "one", "two"),
    visible: seenByWriters,
    cast(machine) {
      const outcomes: string[] = [];
      const tasks = ["three", "four"].map((tag) => {
        const process = machine.start(`publisher of ${tag}`);
        return { process, run: async () => void outcomes.push(await tryPublish(process, tag, patienceMs)) };
      });
      const after = (stage: Stage): void => {
        for (const outcome of outcomes) expectOutcome(outcome, "switched", ...(patienceMs > 0 ? [] : ["BUILD_LOCKED"]));
        const switches = outcomes.filter((outcome) => outcome === "switched").length;
        if (switches === 0 || stage.monitor.now !== switches)
          throw new Damage(`${stage.monitor.now} switches after ${outcomes.join(", ")}`);
        orderly(stage);
      };
      return { tasks, after };
    },
  };
}

/** A rollback comes in while a build runs: the slot that was inactive when it began is active when it ends. */
export const publisherAndRollback: Interleaving = {
  name: "a publish and a rollback",
  prepare: (process) => published(process, "one", "two"),
  visible: seenByWriters,
  cast(machine) {
    const publisher = machine.start("publisher");
    const operator = machine.start("operator");
    return {
      tasks: [
        { process: publisher, run: async () => expectOutcome(await tryPublish(publisher, "three"), "switched") },
        { process: operator, run: async () => expectOutcome(await tryRollback(operator), "r000001", "r000002") },
      ],
      after(stage) {
        const tags = stage.monitor.reigns.map(({ tag }) => tag).join(" ");
        if (!["two one three", "two three two"].includes(tags)) throw new Damage(`active were ${tags}`);
        orderly(stage);
      },
    };
  },
};

/** The same, while a reader reads. */
export const writersAndReader: Interleaving = {
  name: "a publish, a rollback and a reader",
  prepare: (process) => published(process, "one", "two"),
  visible: (step) => seenByReaders(step) || (step.operation === "open" && step.path === paths.writerLock),
  cast(machine, stage) {
    const { tasks, after } = publisherAndRollback.cast(machine, stage);
    const reader = machine.start("reader");
    return {
      tasks: [{ process: reader, run: () => read({ stage, process: reader, requests: 2 }) }, ...tasks],
      ...(after && { after }),
    };
  },
};

/** A build that is refused, and is kept in quarantine, while another publishes and a third rolls back. */
export const refusalAndPublisher: Interleaving = {
  name: "a refused publish and one that is not",
  prepare: (process) => published(process, "one", "two"),
  visible: seenByWriters,
  cast(machine) {
    const refused = machine.start("publisher that is refused");
    const publisher = machine.start("publisher");
    const longTag = "longer than twenty letters";
    return {
      tasks: [
        { process: refused, run: async () => expectOutcome(await tryPublish(refused, longTag), "refused") },
        { process: publisher, run: async () => expectOutcome(await tryPublish(publisher, "three"), "switched") },
      ],
      after(stage) {
        orderly(stage);
        if (stage.monitor.now !== 1) throw new Damage(`${stage.monitor.now} switches`);
        const kept = stage.machine.disk.find(paths.quarantine)?.entries.size;
        if (kept !== 1) throw new Damage(`${kept} builds in quarantine`);
      },
    };
  },
};

/** A publisher that may die at any step, the one who comes after it, and a reader throughout. */
export const killedPublisher: Interleaving = {
  name: "a publisher that is killed, the next one and a reader",
  prepare: (process) => published(process, "one", "two"),
  visible: seenByReaders,
  cast(machine, stage) {
    const victim = machine.start("publisher that may die");
    const next = machine.start("next publisher");
    const reader = machine.start("reader");
    return {
      victim,
      tasks: [
        { process: victim, run: async () => expectOutcome(await tryPublish(victim, "three"), "switched") },
        { process: reader, run: () => read({ stage, process: reader, requests: 3 }) },
        { process: next, run: async () => expectOutcome(await tryPublish(next, "four"), "switched") },
      ],
      // Whatever the dead one left, the next command tidies up.
      async after({ machine: { disk }, monitor }) {
        await published(machine.start("last publisher"), "last");
        orderly({ machine, monitor });
        if (auditStore(disk)?.tag !== "last") throw new Damage("the last publish is not active");
      },
    };
  },
};

/** A reader takes the pin of a release that is about to be pruned: it gets it, and the pin stays, or it is told that it is gone. */
export const prunerAndPin: Interleaving = {
  name: "a publish that prunes a pin, and a reader that takes it",
  prepare: (process) => published(process, "one", "two"),
  visible: (step) => seenByReaders(step),
  cast(machine, stage) {
    const publisher = machine.start("publisher");
    const reader = machine.start("reader");
    const pinAndHold = async (): Promise<void> => {
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const attempted = await takePin(reader.platform, paths.pin("r000001"));
        if (attempted.kind === "impossible") throw new Error(attempted.reason);
        if (attempted.kind === "missing") continue;
        stage().monitor.assertPinned(reader, "r000001");
        await reader.step("query", "while the pin is held");
        stage().monitor.assertPinned(reader, "r000001");
        await attempted.pin.release();
      }
    };
    return {
      tasks: [
        { process: reader, run: pinAndHold },
        { process: publisher, run: () => published(publisher, "three") },
      ],
      after: orderly,
    };
  },
};

/** Another program that calls every one of its releases version 1, and a reader: no version tells its manifests apart. */
export function foreignerAndReader(style: ForeignStyle): Interleaving {
  return {
    name: `another program's three switches, ${style.inPlace ? "in place" : "by renaming"}, always as version 1, and a reader`,
    prepare: foreign,
    visible: seenByReaders,
    cast(machine, stage) {
      const foreigner = machine.start("other program");
      const reader = machine.start("reader");
      const nights = async (): Promise<void> => {
        for (const tag of ["two", "three", "four"]) await switchAsForeigner(foreigner, tag, style);
      };
      return {
        monitor: { foreigners: new Set([foreigner]), rising: false },
        tasks: [
          { process: reader, run: () => read({ stage, process: reader, requests: 3, own: false }) },
          { process: foreigner, run: nights },
        ],
      };
    },
  };
}

/** The store is taken under care while that program switches, and a reader reads. */
export function adoptAndForeigner(style: ForeignStyle): Interleaving {
  return {
    name: `adopt, another program's two switches, ${style.inPlace ? "in place" : "by renaming"}, and a reader`,
    prepare: foreign,
    visible: (step) => seenByReaders(step) || (step.operation === "open" && step.path === paths.writerLock),
    cast(machine, stage) {
      const foreigner = machine.start("other program");
      const operator = machine.start("operator");
      const reader = machine.start("reader");
      const nights = async (): Promise<void> => {
        for (const tag of ["two", "three"]) await switchAsForeigner(foreigner, tag, style);
      };
      const take = async (): Promise<void> => {
        const outcome = await outcomeOf(async () => (await adopt(storeOf(operator), { waitMs: 120_000 })).outcome);
        expectOutcome(outcome, "switched", "MANIFEST_MOVED", "MANIFEST_INVALID", "SLOT_BUSY");
      };
      return {
        monitor: { foreigners: new Set([foreigner]), rising: false },
        tasks: [
          { process: operator, run: take },
          { process: reader, run: () => read({ stage, process: reader, requests: 2, own: false }) },
          { process: foreigner, run: nights },
        ],
        after: ({ machine: { disk } }) => void auditStore(disk),
      };
    },
  };
}

/**
 * A program that takes no lock switches once while the store is taken under care, before the operator compares the manifest for the last time: its release is never
 * undone. (After that comparison it may be, within the microseconds of one rename: only a common lock helps.)
 */
export const adoptAndLockless: Interleaving = {
  name: "adopt, and another program without locks that switches before the last comparison",
  prepare: foreign,
  visible: (step) =>
    step.process.name === "operator" && seenByWriters(step) && !(step.operation === "rename" && step.path === paths.manifest),
  cast(machine) {
    const foreigner = machine.start("other program");
    const operator = machine.start("operator");
    const take = async (): Promise<void> => {
      expectOutcome(await outcomeOf(async () => (await adopt(storeOf(operator))).outcome), "switched", "MANIFEST_MOVED");
    };
    return {
      monitor: { foreigners: new Set([foreigner]), rising: false },
      tasks: [
        { process: operator, run: take },
        { process: foreigner, run: () => switchAsForeigner(foreigner, "two", { inPlace: false, locks: false }) },
      ],
      after({ machine: { disk } }) {
        const active = auditStore(disk);
        if (active?.tag !== "two") throw new Damage(`"${active?.tag}" is active: the switch of the other program was undone`);
      },
    };
  },
};

/** Readers whose calls a writer comes in between, also where nothing waits between two of them. */
export const withinTurns: readonly WithinTurn[] = [
  {
    name: "two publishes within a reader's turn",
    prepare: (process) => published(process, "one", "two"),
    write: (process) => published(process, "three", "four"),
    read: readTwice,
  },
  {
    name: "two publishes within the turn of a reader that does not wait for the newest",
    freshness: "eventual",
    prepare: (process) => published(process, "one", "two"),
    write: (process) => published(process, "three", "four"),
    read: readTwice,
  },
  {
    name: "a rollback and a publish within a reader's turn",
    prepare: (process) => published(process, "one", "two"),
    async write(process) {
      await rollback(storeOf(process));
      await published(process, "three");
    },
    read: readTwice,
  },
  {
    name: "a publish that prunes a pin, within the turn of a reader that takes it",
    prepare: (process) => published(process, "one", "two"),
    write: (process) => published(process, "three"),
    read: pinOnce,
  },
  {
    name: "another program's three switches by renaming, always as version 1, within a reader's turn",
    own: false,
    prepare: foreign,
    async write(process) {
      for (const tag of ["two", "three", "four"]) await switchAsForeigner(process, tag, { inPlace: false, locks: true });
    },
    read: readTwice,
  },
];
