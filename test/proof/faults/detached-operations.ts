import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { abortBuild } from "../../../src/release/detached/abort.ts";
import { beginBuild } from "../../../src/release/detached/begin.ts";
import { commitBuild } from "../../../src/release/detached/commit.ts";
import { listBuilds } from "../../../src/release/detached/list.ts";
import { publish } from "../../../src/release/publish.ts";
import { rowsBuild, startOperation, storeIn, writeDatabase } from "../../support/store.ts";
import { storeFolder, type Operation } from "./operations.ts";

const firstBuild = "const [id] = await platform.files.list(store.paths.builds);";
const commit = `${firstBuild} return commitBuild(store, id);`;

/** A store with two releases and a detached build that is written. */
async function written(root: string): Promise<void> {
  const store = storeIn(storeFolder(root));
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  const { path } = await beginBuild(store);
  await writeDatabase(path, "CREATE TABLE t AS SELECT range + 1 AS n FROM range(3)");
}

async function writtenByCommitThatDied(root: string): Promise<void> {
  await written(root);
  await startOperation(storeFolder(root), commit, { LOCKKEEPER_FAILPOINTS: "install.done=kill" }).ended;
}

/** As a lease is after the machine was started anew. */
async function writtenBeforeBoot(root: string): Promise<void> {
  await written(root);
  const { paths } = storeIn(storeFolder(root));
  for (const id of readdirSync(paths.builds)) {
    const path = join(paths.build(id), "lease.json");
    const lease = JSON.parse(readFileSync(path, "utf8")) as { renewed: object };
    writeFileSync(path, JSON.stringify({ ...lease, renewed: { ...lease.renewed, bootId: "before" } }));
  }
}

/** Commits what can be committed, aborts the rest, and publishes. */
async function finishAll(root: string): Promise<void> {
  const store = storeIn(storeFolder(root));
  for (const { build, state } of (await listBuilds([store])).builds) {
    if (state === "left") continue;
    await commitBuild(store, build).catch(async (error: unknown) => {
      if (!isLockkeeperError(error, "BUILD_EMPTY")) throw error;
      await abortBuild(store, build);
    });
  }
  await publish(store, rowsBuild(4));
}

const common = { before: 2, unattended: true, recover: finishAll } as const;

/** What is done with detached builds. */
export const detachedOperations: readonly Operation[] = [
  {
    ...common,
    name: "build begin, then build abort",
    prepare: async (root) => {
      for (const rows of [1, 2]) await publish(storeIn(storeFolder(root)), rowsBuild(rows));
    },
    after: 2,
    body: `return abortBuild(store, (await beginBuild(store)).build);`,
  },
  { ...common, name: "build commit", prepare: written, after: 3, body: commit },
  { ...common, name: "build commit, after one that died", prepare: writtenByCommitThatDied, after: 3, body: commit },
  {
    ...common,
    name: "build begin that finds an expired lease, then build abort",
    prepare: writtenBeforeBoot,
    after: 2,
    body: `return abortBuild(store, (await beginBuild(store)).build);`,
    only: { points: /^quarantine\./, words: "of the move into quarantine" },
  },
];
