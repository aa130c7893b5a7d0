import { accessSync, constants, cpSync, statfsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { adopt } from "../../../src/release/adopt.ts";
import { publish } from "../../../src/release/publish.ts";
import { binPath, startProgram, type Child } from "../../support/child.ts";
import { rowsBuild, startOperation, storeIn, writeDatabase } from "../../support/store.ts";

/** An operation that is killed, starved or cut off: what lies there before, and how it is run. */
export interface Operation {
  readonly name: string;
  /** Writes what lies there before into an empty root folder. */
  readonly prepare: (root: string) => Promise<void>;
  /** The version active before. */
  readonly before: number;
  /** The version active after an operation that went well. */
  readonly after: number;
  /** Runs in `startOperation`; `undefined` for `init`, which is run through the command line. */
  readonly body?: string;
  /** Failpoints at which it is killed, where another operation has the rest. */
  readonly only?: RegExp;
  /** Makes the operation again or goes on from it, in this process, as a person would after a crash. */
  readonly recover: (root: string) => Promise<void>;
}

/** Where every operation's store lies in its root folder. */
export const storeFolder = (root: string): string => join(root, "data/holdings");

const published = async (root: string) => {
  await publish(storeIn(storeFolder(root)), rowsBuild(1));
  await publish(storeIn(storeFolder(root)), rowsBuild(2));
};

const publishAgain = async (root: string) => void (await publish(storeIn(storeFolder(root)), rowsBuild(4)));

const strictStore = `{ ...store, checks: [{ check: "rows", severity: "error", table: "t", min: 10 }] }`;

/** A publish onto two earlier ones. */
export const publishing: Operation = {
  name: "publish",
  prepare: published,
  before: 2,
  after: 3,
  body: `return publish(store, rowsBuild(3));`,
  recover: publishAgain,
};

/** Every operation that changes a store. */
export const operations: readonly Operation[] = [
  {
    name: "first publish",
    prepare: async (root) => void mkdirSync(storeFolder(root), { recursive: true }),
    before: 0,
    after: 1,
    body: `return publish(store, rowsBuild(3));`,
    recover: publishAgain,
  },
  publishing,
  {
    name: "refused publish",
    prepare: published,
    before: 2,
    after: 2,
    body: `return publish(${strictStore}, rowsBuild(3));`,
    recover: publishAgain,
  },
  {
    name: "failed build",
    prepare: published,
    before: 2,
    after: 2,
    body: `return publish(store, { kind: "function", build: () => Promise.reject(new Error("no input today")) });`,
    recover: publishAgain,
  },
  { name: "rollback", prepare: published, before: 2, after: 3, body: `return rollback(store);`, recover: publishAgain },
  {
    name: "adopt",
    async prepare(root) {
      mkdirSync(storeFolder(root), { recursive: true });
      for (const slot of ["a", "b"]) {
        await writeDatabase(
          join(storeFolder(root), `DB_${slot}.duckdb`),
          "CREATE TABLE t AS SELECT range + 1 AS n FROM range(7)",
        );
      }
      writeFileSync(join(storeFolder(root), "db_manifest.json"), `{"active":"a","version":5}`);
    },
    before: 5,
    after: 6,
    body: `return adopt(store);`,
    async recover(root) {
      await adopt(storeIn(storeFolder(root))).catch((error: unknown) => {
        // Killed after the switch: it is under care already.
        if (!isLockkeeperError(error, "NOT_FOREIGN")) throw error;
      });
      await publishAgain(root);
    },
  },
  {
    name: "init --from, new configuration",
    prepare: (root) => writeDatabase(join(root, "DB.duckdb"), "CREATE TABLE t AS SELECT range + 1 AS n FROM range(7)"),
    before: 0,
    after: 1,
    recover: initAgain,
  },
  {
    name: "init --from, one more store",
    async prepare(root) {
      await writeDatabase(join(root, "DB.duckdb"), "CREATE TABLE t AS SELECT range + 1 AS n FROM range(7)");
      writeFileSync(
        join(root, "lockkeeper.toml"),
        `format = 1\n\n[stores.other]\nkind = "release"\nlayout = "slots"\ndir = "other"\n`,
      );
    },
    before: 0,
    after: 1,
    only: /^config\./,
    recover: initAgain,
  },
];

/** The same command again; where the first one came as far as the switch, it says that the store has data, and the next publish goes on. */
async function initAgain(root: string): Promise<void> {
  const child = runInit(root, {});
  const { code } = await child.ended;
  if (code !== 0 && !child.stderr().includes("STORE_NOT_EMPTY")) throw new Error(`init again: exit ${code}: ${child.stderr()}`);
  await publishAgain(root);
}

function runInit(root: string, env: NodeJS.ProcessEnv): Child {
  return startProgram([process.execPath, binPath, "--json", "init", "holdings", "--from", "DB.duckdb"], { cwd: root, env });
}

/** Runs an operation in a process of its own. */
export function startOn(root: string, operation: Operation, env: NodeJS.ProcessEnv): Child {
  return operation.body === undefined ? runInit(root, env) : startOperation(storeFolder(root), operation.body, env);
}

/** A file system in memory where there is one: neither a kill nor a failing call asks what an fsync does, and a busy disk takes its time. */
function memoryFolder(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    const { bavail, bsize } = statfsSync("/dev/shm");
    if (bavail * bsize > 2 ** 30) return "/dev/shm";
  } catch {
    // Not Linux, or a container without it.
  }
  return tmpdir();
}

/** Where the prepared folders of the running test come from: each is a copy of one that was prepared once. */
export function folderMaker(): { of(operation: Operation): Promise<string>; copy(root: string): string } {
  const base = mkdtempSync(join(memoryFolder(), "lockkeeper-proof-"));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const templates = new Map<Operation["prepare"], Promise<string>>();
  let count = 0;
  const next = () => join(base, String(++count));
  const copy = (root: string) => {
    const target = next();
    cpSync(root, target, { recursive: true, preserveTimestamps: true });
    return target;
  };
  return {
    copy,
    async of({ prepare }) {
      let template = templates.get(prepare);
      if (!template) {
        const root = next();
        mkdirSync(root);
        template = prepare(root).then(() => root);
        templates.set(prepare, template);
      }
      return copy(await template);
    },
  };
}

/** Runs `work` on every item, at most `width` at a time. */
export async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Numbers in [0, 1) from a seed (mulberry32): a run is the same again with the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed from the environment variable `LOCKKEEPER_SEED`, or a new one, which is printed. */
export function proofSeed(): number {
  const seed = Number(process.env["LOCKKEEPER_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  process.stdout.write(`seed ${seed} (LOCKKEEPER_SEED=${seed} replays it)\n`);
  return seed;
}

/** The items in an order of chance. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.toSorted((left, right) => left.key - right.key).map(({ item }) => item);
}
