import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { storePaths } from "../../../src/model/layout.ts";
import { adopt } from "../../../src/release/adopt.ts";
import { initialize } from "../../../src/release/initialize.ts";
import { openReleaseStore } from "../../../src/release/open.ts";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import type { ReleaseStore } from "../../../src/release/store.ts";
import { databaseBytes, modelEngine, taggedBuild } from "../model/engine.ts";
import type { ModelDisk } from "../model/disk.ts";
import type { ModelProcess } from "../model/machine.ts";
import { storeFolder } from "./audit.ts";

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
}

/** The store of a modelled process. */
export function storeOf(process: ModelProcess): ReleaseStore {
  const options = { name: "holdings", dir: storeFolder, layout: "slots", basename: "DB", quarantineKeep: 1 } as const;
  // A build is refused by the length of its tag.
  const checks = [{ check: "rows", table: "t", max: 20, severity: "error" }] as const;
  return openReleaseStore({ ...options, checks }, { platform: process.platform, engine: modelEngine(process) });
}

/** A publish of a build with a tag. Throws unless it switches. */
export async function publishTag(process: ModelProcess, tag: string): Promise<void> {
  const { outcome } = await publish(storeOf(process), taggedBuild(process, tag));
  if (outcome !== "switched") throw new Error(`publish ended with ${outcome}`);
}

async function published(process: ModelProcess, ...tags: readonly string[]): Promise<void> {
  for (const tag of tags) await publishTag(process, tag);
}

/** Writes as another program does: in place, without a thought for durability. */
function write(disk: ModelDisk, path: string, content: Buffer | string): void {
  disk.setContent(disk.find(path) ?? disk.make(path, "file"), Buffer.from(content));
}

/** Another program's switch: the inactive slot and the manifest, in place. */
export function switchAsForeigner(disk: ModelDisk, slot: "a" | "b", tag: string): void {
  write(disk, paths.slot("DB", slot), databaseBytes(tag));
  write(disk, paths.manifest, JSON.stringify({ active: slot, version: 7 }));
}

/** A rollback by another process, killed when its manifest is in place and nothing of that is durable. */
async function dieBetweenRenameAndSync({ machine }: ModelProcess): Promise<void> {
  const other = machine.start("rollback");
  let renamed = false;
  other.diesBefore = (operation, path) => {
    const due = renamed && operation === "syncFolder";
    renamed ||= operation === "rename" && path === paths.manifest;
    return due;
  };
  // Where the disk fails it before, it ends by itself.
  const ended = rollback(storeOf(other)).then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([other.death(), ended]);
}

const nothing = () => Promise.resolve();

/** Every operation that changes a store, from the states in which it takes a different way. */
export const scenarios: readonly Scenario[] = [
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
        await dieBetweenRenameAndSync(process);
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
