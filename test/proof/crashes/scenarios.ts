import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { storePaths } from "../../../src/model/layout.ts";
import { adopt, type AdoptOptions } from "../../../src/release/adopt.ts";
import { initialize } from "../../../src/release/initialize.ts";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { databaseBytes, taggedBuild } from "../model/engine.ts";
import type { ModelDisk } from "../model/disk.ts";
import type { ModelProcess } from "../model/machine.ts";
import { storeFolder } from "./place.ts";
import { inSlots, publishedIn, publishTag, storeOf, type StoreShape } from "./stores.ts";

const paths = storePaths(storeFolder);

/** An operation on a store in some state. */
export interface Scenario {
  readonly name: string;
  /** Brings an empty disk into the state that the operation starts from; all of it is durable then. */
  readonly prepare: (process: ModelProcess) => Promise<void>;
  readonly run: (process: ModelProcess) => Promise<void>;
  /** Tag of the build that is active once the operation has succeeded. */
  readonly after: string | undefined;
  /** Tag of what another process may or may not have made active before it was killed. */
  readonly meanwhile?: string;
  /** Releases that bear an operator's pin once the operation has succeeded. Default: the same as before. */
  readonly pinned?: readonly string[];
  /** The store that the operation, and whoever recovers, works on. Default: slots. */
  readonly shape?: StoreShape;
  /** What else has to hold on every disk that a crash of the operation leaves. May change that disk. Throws `Damage`. */
  readonly alsoOn?: (left: LeftDisk) => Promise<void>;
  /** What brings a release back where the manifest is gone. Default: slot `a`. */
  readonly adoption?: AdoptOptions;
}

/** A disk that a crash left, for `alsoOn`. */
export interface LeftDisk {
  readonly disk: ModelDisk;
  /** Where the operation began. */
  readonly start: ModelDisk;
  /** What processes saw when the crash came. */
  readonly live: ModelDisk;
  /** Whether the operation had succeeded. */
  readonly acknowledged: boolean;
  /** Whether the disk failed in the operation: what was to be done on the side may not be done then. */
  readonly failing: boolean;
  /** Whether the power was cut: what goes on then does so in another boot of the machine. */
  readonly rebooted: boolean;
}

const published = publishedIn(inSlots);

/** Writes as another program does: in place, without a thought for durability. */
function write(disk: ModelDisk, path: string, content: Buffer | string): void {
  disk.setContent(disk.find(path) ?? disk.make(path, "file"), Buffer.from(content));
}

/** Another program's switch: the inactive slot and the manifest, in place. */
export function switchAsForeigner(disk: ModelDisk, slot: "a" | "b", tag: string): void {
  write(disk, paths.slot("DB", slot), databaseBytes(tag));
  write(disk, paths.manifest, JSON.stringify({ active: slot, version: 7 }));
}

/** Another process operates, and is killed when a file is in place at `target` and nothing of that is durable. */
export async function dieBetweenRenameAndSync(
  { machine }: ModelProcess,
  target: string,
  operate: (other: ModelProcess) => Promise<unknown>,
): Promise<void> {
  const other = machine.start("other");
  let renamed = false;
  other.diesBefore = (operation, path) => {
    const due = renamed && operation === "syncFolder";
    renamed ||= operation === "rename" && path === target;
    return due;
  };
  // Where the disk fails it before, it ends by itself.
  const ended = operate(other).then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([other.death(), ended]);
}

const nothing = () => Promise.resolve();

/** Every operation that changes a store of layout `slots`, from the states in which it takes a different way. */
export const slotScenarios: readonly Scenario[] = [
  { name: "first publish", prepare: nothing, run: (process) => publishTag(process, "one"), after: "one" },
  {
    name: "second publish",
    prepare: (process) => published(process, "one"),
    run: (process) => publishTag(process, "two"),
    after: "two",
  },
  {
    name: "publish",
    prepare: (process) => published(process, "one", "two"),
    run: (process) => publishTag(process, "three"),
    after: "three",
  },
  {
    name: "publish over a leftover write-ahead log",
    async prepare(process) {
      await published(process, "one", "two");
      write(process.machine.disk, `${paths.slot("DB", "a")}.wal`, "log");
    },
    run: (process) => publishTag(process, "three"),
    after: "three",
  },
  {
    name: "publish after a rollback",
    async prepare(process) {
      await published(process, "one", "two");
      await rollback(storeOf(process));
    },
    run: (process) => publishTag(process, "three"),
    after: "three",
  },
  {
    name: "publish, while a rollback is killed during its build",
    prepare: (process) => published(process, "one", "two"),
    async run(process) {
      const source = taggedBuild(process, "three");
      if (source.kind !== "function") return;
      const build: typeof source.build = async (context) => {
        await dieBetweenRenameAndSync(process, paths.manifest, (other) => rollback(storeOf(other)));
        await source.build(context);
      };
      await publish(storeOf(process), { ...source, build });
    },
    after: "three",
    meanwhile: "one",
  },
  {
    name: "refused publish",
    prepare: (process) => published(process, "one", "two"),
    async run(process) {
      const { outcome } = await publish(storeOf(process), taggedBuild(process, "longer than twenty letters"));
      if (outcome !== "refused") throw new Error(`publish ended with ${outcome}`);
    },
    after: "two",
  },
  {
    name: "failed build",
    prepare: (process) => published(process, "one", "two"),
    async run(process) {
      const build = () => Promise.reject(new Error("no source"));
      await publish(storeOf(process), { kind: "function", build }).catch((error: unknown) => {
        if (!isLockkeeperError(error, "BUILD_FAILED")) throw error;
      });
    },
    after: "two",
  },
  {
    name: "rollback",
    prepare: (process) => published(process, "one", "two"),
    async run(process) {
      await rollback(storeOf(process));
    },
    after: "one",
  },
  {
    name: "adopt",
    async prepare(process) {
      await published(process, "one");
      switchAsForeigner(process.machine.disk, "b", "foreign");
    },
    async run(process) {
      await adopt(storeOf(process));
    },
    after: "foreign",
  },
  {
    name: "adopt after the manifest was deleted",
    async prepare(process) {
      await published(process, "one", "two");
      process.machine.disk.remove(paths.manifest);
    },
    async run(process) {
      await adopt(storeOf(process), { slot: "a" });
    },
    after: "one",
  },
  {
    name: "init from a file",
    prepare(process) {
      write(process.machine.disk, "/data/source.duckdb", databaseBytes("source"));
      return nothing();
    },
    async run(process) {
      await initialize(storeOf(process), "/data/source.duckdb");
    },
    after: "source",
  },
];
