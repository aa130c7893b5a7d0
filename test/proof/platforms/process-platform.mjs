// Loads the platform's modules as they are on the system named by the first argument, and prints what they do as JSON. The rest is the URL of the compiled
// sources and a folder. The lock addon is a stand-in that notes its arguments; fsync through a descriptor that cannot write fails as on Windows.
import { constants } from "node:fs";
import fs from "node:fs/promises";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const [system, dist, folder] = process.argv.slice(2);
Object.defineProperty(process, "platform", { value: system });

const calls = [];
let held = false;
const require = createRequire(fileURLToPath(new URL("platform/kernel-locks.js", dist)));
const addon = require.resolve("fs-native-extensions");
require.cache[addon] = {
  id: addon,
  filename: addon,
  loaded: true,
  exports: {
    tryLock(...words) {
      const [, offset, length, { shared }] = words;
      calls.push({ offset, length, shared });
      if (held) throw Object.assign(new Error("EBUSY: resource busy or locked"), { code: "EBUSY" });
      return true;
    },
    unlock: (_descriptor, offset, length) => void calls.push({ offset, length }),
  },
};

const { open } = fs;
const foldersSynced = [];
fs.open = async (path, flags, mode) => {
  const handle = await open(path, flags, mode);
  const { sync } = handle;
  handle.sync = async () => {
    if ((await handle.stat()).isDirectory()) foldersSynced.push(path);
    if (system === "win32" && (flags & (constants.O_WRONLY | constants.O_RDWR)) === 0)
      throw Object.assign(new Error("EPERM"), { code: "EPERM" });
    await sync.call(handle);
  };
  return handle;
};
syncBuiltinESMExports();

const { nodePlatform } = await import(new URL("platform/node.js", dist).href);
const { acquireLock, readLockNote } = await import(new URL("platform/lock.js", dist).href);
const { files, locks, ...platform } = nodePlatform();
const path = join(folder, "file");
const file = await files.open(path, "create", 0o600);
await file.setMode(0o640);
await file.setOwner(1, 1).catch(() => undefined);
const stat = await file.stat();
await file.close();
const reading = await files.open(path, "read");
const synced = await reading.sync().then(
  () => "synced",
  (error) => error.code,
);
await reading.close();
await files.syncFolder(folder);
const request = { path: join(folder, "lock"), code: "WRITER_LOCKED", what: "the lock", purpose: "prove", waitMs: 0 };
const lock = await acquireLock(nodePlatform(), request);
const note = readLockNote(nodePlatform(), request.path)?.holder.pid === process.pid;
held = true;
const refused = await acquireLock(nodePlatform(), request).catch((error) => error.code);
held = false;
await lock.release();
console.log(
  `result ${JSON.stringify({
    calls,
    note,
    refused,
    transient: files.transientRenameErrors,
    synced,
    foldersSynced: foldersSynced.length,
    mode: stat.mode,
    owner: stat.owner,
    count: (await locks.count(stat)) ?? "unknown",
    disk: await platform.disk.kind(folder),
  })}`,
);
