import { accessSync, constants, cpSync, statfsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { adopt } from "../../../src/release/adopt.ts";
import type { ReleaseStoreOptions } from "../../../src/release/open.ts";
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
  /** Failpoints at which it is killed, where another operation has the rest; and what they are called. */
  readonly only?: { readonly points: RegExp; readonly words: string };
  /** It holds no lock that `status` tells of all the time: one that died in it is not always told. */
  readonly unattended?: boolean;
  /** How its store differs from that of `storeIn`. */
  readonly store?: Partial<ReleaseStoreOptions>;
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

/** The active release and the one before it: a third publish prunes. */
const inReleases = { layout: "releases", retention: { keep: 2 } } as const;

const publishedReleases = async (root: string) => {
  for (const rows of [1, 2]) await publish(storeIn(storeFolder(root), inReleases), rowsBuild(rows));
};

const publishReleaseAgain = async (root: string) => void (await publish(storeIn(storeFolder(root), inReleases), rowsBuild(4)));

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
    name: "publish on a base",
    prepare: published,
    before: 2,
    after: 3,
    body: `return publish(store, { kind: "function", async build({ path }) {
      const instance = await DuckDBInstance.create(path);
      const connection = await instance.connect();
      await connection.run("INSERT INTO t SELECT max(n) + 1 FROM t");
      connection.closeSync();
      instance.closeSync();
    } }, { base: "active" });`,
    recover: publishAgain,
  },
  {
    name: "publish of SQL files",
    async prepare(root) {
      await published(root);
      writeFileSync(join(root, "build.sql"), "CREATE TABLE t AS SELECT range + 1 AS n FROM range(3)");
    },
    before: 2,
    after: 3,
    body: `return publish(store, { kind: "sql", path: "../../build.sql", folder: store.paths.folder });`,
    recover: publishAgain,
  },
  {
    name: "publish in the room of two",
    prepare: published,
    before: 2,
    after: 3,
    body: `return publish({ ...store, space: "2x" }, rowsBuild(3));`,
    recover: publishAgain,
  },
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
    only: { points: /^config\./, words: "of the configuration file" },
    recover: initAgain,
  },
  {
    name: "publish that prunes (layout releases)",
    store: inReleases,
    prepare: publishedReleases,
    before: 2,
    after: 3,
    body: `return publish(store, rowsBuild(3));`,
    only: { points: /^(record|install|prune)\./, words: "between the release's record and the end of its prune" },
    recover: publishReleaseAgain,
  },
  {
    name: "releases pin (layout releases)",
    store: inReleases,
    prepare: publishedReleases,
    before: 2,
    after: 2,
    body: `return pinRelease(store, "r000001", { reason: "audit" });`,
    only: { points: /^mark\./, words: "of the pin" },
    recover: publishReleaseAgain,
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
  const { body, store } = operation;
  return body === undefined ? runInit(root, env) : startOperation({ ...store, dir: storeFolder(root) }, body, env);
}

/** The failpoints that an operation passes, in order; the second time is `name#2`. */
export function failpointsIn(stderr: string): string[] {
  const counts = new Map<string, number>();
  return [...stderr.matchAll(/^failpoint (\S+) tell$/gm)].map(([, name = ""]) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return `${name}#${count}`;
  });
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
export function folderMaker(): { of(operation: Pick<Operation, "prepare">): Promise<string>; copy(root: string): string } {
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
