// A process that takes one of a store's locks as the product does, or contends for it. Arguments: URL of the compiled sources, kind, folder of the store.
// Commands on standard input, one a line; each is answered with one line `answer <json>`:
//   take      takes the lock                        {"held": true, "pid", "died"?} or {"held": false, "code", "message", "holder"}
//   contend   what wants the lock for itself tries  {"refused": true|false}; what it gets it gives up at once
//   touch     opens, reads, copies, hashes and closes the lock file in this process and in a worker thread of it
//   release   gives the lock up
//   status    what `storeStatus` says of locks
import { copyFileSync, existsSync, closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";

const [dist, kind, folder, user] = process.argv.slice(2);
const load = (path) => import(new URL(path, dist).href);
const { acquireLock } = await load("platform/lock.js");
const { nodePlatform } = await load("platform/node.js");
const { openReleaseStore, prepareFolders } = await load("release/open.js");
const { makeBuildFolder } = await load("release/build/folder.js");
const { sweepBuilds } = await load("release/detached/sweep.js");
const { writePin } = await load("release/records.js");
const { applyPrune } = await load("release/retention.js");
const { storeStatus } = await load("release/status.js");
const { takePin } = await load("reader/pin.js");

const platform = nodePlatform();
const store = openReleaseStore({ name: "holdings", dir: folder, layout: "slots", basename: "DB" }, { platform, engine: {} });
if (user === undefined) await prepareFolders(store);
else {
  process.setgid(Number(user));
  process.setuid(Number(user));
}
const { paths } = store;
const release = existsSync(paths.manifest) ? JSON.parse(readFileSync(paths.manifest, "utf8")).release : "r000001";

function noted(path, code) {
  const take = () => acquireLock(platform, { path, code, what: `the ${kind}`, purpose: "prove", waitMs: 0 });
  return {
    file: async () => path,
    async take() {
      const lock = await take();
      return { died: lock.lastHolderDied?.pid, release: () => lock.release() };
    },
    async refused() {
      try {
        await (await take()).release();
        return false;
      } catch (error) {
        if (error.code === code) return true;
        throw error;
      }
    },
  };
}

const kinds = {
  "writer lock": noted(paths.writerLock, "WRITER_LOCKED"),
  "build lock": noted(paths.buildLock, "BUILD_LOCKED"),
  "build folder's lock": {
    file: async () => join(paths.build((await platform.files.list(paths.builds))[0]), "lock"),
    take: async () => ({ release: (await makeBuildFolder(store, "DB")).unlock }),
    // What the sweep of the next publisher gets, it has removed.
    refused: async () => (await sweepBuilds(store, { attached: true })).length === 0,
  },
  "reader's pin": {
    file: async () => paths.pin(release),
    async take() {
      if (user === undefined) await writePin(store, release);
      const taken = await takePin(platform, paths.pin(release));
      if (taken.kind !== "pinned") throw new Error(JSON.stringify(taken));
      return taken.pin;
    },
    async refused() {
      await applyPrune(store, { releases: [{ release, keep: false, reason: "proof", paths: [], bytes: 0 }], others: [] });
      return existsSync(paths.pin(release));
    },
  },
};

const lock = kinds[kind];
let held;

async function touch(path) {
  closeSync(openSync(path, "r"));
  readFileSync(path);
  copyFileSync(path, `${path}.copy`);
  const source = `const fs = require("node:fs"); fs.closeSync(fs.openSync(${JSON.stringify(path)}, "r+")); fs.unlinkSync(${JSON.stringify(`${path}.copy`)});`;
  await new Promise((resolve, reject) => {
    new Worker(source, { eval: true }).once("error", reject).once("exit", resolve);
  });
}

const commands = {
  async take() {
    try {
      held = await lock.take();
      return { held: true, pid: process.pid, died: held.died };
    } catch (error) {
      return { held: false, code: error.code, message: error.message, holder: error.holder };
    }
  },
  contend: async () => ({ refused: await lock.refused() }),
  async touch() {
    await touch(await lock.file());
    return {};
  },
  async release() {
    await held.release();
    return {};
  },
  status: () => storeStatus(store),
};

console.log("ready");
for await (const line of createInterface({ input: process.stdin }))
  console.log(`answer ${JSON.stringify(await commands[line]())}`);
